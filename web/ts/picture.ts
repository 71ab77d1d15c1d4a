// The layer over the drawn photo: zoom and pan by mouse, wheel, fingers and buttons; press and hold to
// see the photo without its marks; the frame that says which square is judged. The canvas draws what
// this says; the page hears when the frame has been let go.

import { t } from './i18n';
import { element } from './mirror';
import type { Crop } from './protocol';
import type { Zoom } from './view';

const MOST_ZOOM = 12;
const STEP = 1.6;
/** CSS pixels that a pointer may slip and still hold. */
const SLIP = 6;
/** Least side of the frame, pixels of the photo: nevus::kMinSide asks for no less. */
const LEAST_SIDE = 100;
/** Milliseconds after the last key until the frame counts as let go. */
const KEY_PAUSE = 150;

interface Pointer {
  x: number;
  y: number;
}

export interface PictureEvents {
  /** Something that the canvas draws has changed. */
  changed(): void;
  /** Another square is to be judged. */
  framed(frame: Crop): void;
}

const clamp = (value: number, low: number, high: number) => Math.min(Math.max(value, low), high);

/** The square in the middle (nevus::center_square). */
function middle(width: number, height: number): Crop {
  const side = Math.min(width, height);
  return {
    x: Math.floor((width - side) / 2) / width,
    y: Math.floor((height - side) / 2) / height,
    width: side / width,
    height: side / height,
  };
}

export class Picture {
  readonly #events: PictureEvents;
  readonly #layer = element('picture', HTMLElement);
  readonly #frame = element('frame', HTMLElement);
  readonly #tools = element('frame-tools', HTMLElement);
  readonly #toggle = element('frame-toggle', HTMLButtonElement);
  readonly #zoomIn = element('zoom-in', HTMLButtonElement);
  readonly #zoomOut = element('zoom-out', HTMLButtonElement);
  readonly #zoomFit = element('zoom-fit', HTMLButtonElement);
  readonly #pointers = new Map<number, Pointer>();
  /** What a single pointer does. */
  #drag: 'none' | 'hold' | 'pan' | 'move' | 'size' = 'none';
  #start: Pointer = { x: 0, y: 0 };
  #keyTimer = 0;
  #photo: { width: number; height: number } | undefined;
  /** The square as it is drawn: the one that was judged, or on its way to another. */
  #crop: Crop | null = null;
  /** The corner that stays while the frame is sized. */
  #anchor: Pointer = { x: 0, y: 0 };
  zoom: Zoom = { scale: 1, x: 0.5, y: 0.5 };
  /** The photo is held: marks are hidden. */
  held = false;

  constructor(events: PictureEvents) {
    this.#events = events;
    const layer = this.#layer;
    layer.addEventListener('pointerdown', (event) => this.#down(event));
    layer.addEventListener('pointermove', (event) => this.#move(event));
    layer.addEventListener('pointerup', (event) => this.#up(event));
    layer.addEventListener('pointercancel', (event) => this.#up(event));
    layer.addEventListener('dblclick', (event) => {
      if (this.#on(event.target)) return;
      const scale = this.zoom.scale > 1 ? 1 : 2.5;
      this.#zoomTo(scale, this.#point(event));
    });
    // A trackpad's pinch arrives as a wheel with Ctrl; the plain wheel scrolls the page.
    layer.addEventListener(
      'wheel',
      (event) => {
        if (!event.ctrlKey && !event.metaKey) return;
        event.preventDefault();
        this.#zoomTo(this.zoom.scale * Math.exp(-event.deltaY / 200), this.#point(event));
      },
      { passive: false },
    );
    layer.addEventListener('contextmenu', (event) => {
      if (this.held) event.preventDefault();
    });
    const centre = { x: 0.5, y: 0.5 };
    this.#zoomIn.addEventListener('click', () => this.#zoomTo(this.zoom.scale * STEP, centre));
    this.#zoomOut.addEventListener('click', () => this.#zoomTo(this.zoom.scale / STEP, centre));
    this.#zoomFit.addEventListener('click', () => this.#zoomTo(1, centre));
    this.#toggle.addEventListener('click', () => this.#showFrame(!this.framing));
    this.#frame.addEventListener('keydown', (event) => this.#key(event));
    element('frame-middle', HTMLButtonElement).addEventListener('click', () => {
      if (this.#photo) this.#let(middle(this.#photo.width, this.#photo.height));
    });
  }

  /** The frame's handles are there. */
  get framing(): boolean {
    return this.#toggle.getAttribute('aria-pressed') === 'true';
  }

  /** The square to draw; the judged one where nobody is moving it. */
  get crop(): Crop | null {
    return this.#crop;
  }

  /** Another photo, or none: seen whole, with the square that is judged. */
  show(photo: { width: number; height: number } | undefined, crop: Crop | null): void {
    this.#photo = photo;
    this.#crop = crop;
    this.#pointers.clear();
    this.#drag = 'none';
    this.held = false;
    clearTimeout(this.#keyTimer);
    this.zoom = { scale: 1, x: 0.5, y: 0.5 };
    this.#showFrame(false);
  }

  /** An answer for this square has arrived. */
  judged(crop: Crop): void {
    if (this.#drag === 'move' || this.#drag === 'size') return;
    this.#crop = crop;
    this.#render();
  }

  /** Puts the frame there and has it judged. */
  put(crop: Crop): void {
    if (this.#photo) this.#let(this.#inside(crop));
  }

  /** As large as the drawn picture. */
  place(height: number): void {
    this.#layer.style.height = `${height}px`;
  }

  #showFrame(shown: boolean): void {
    this.#toggle.setAttribute('aria-pressed', String(shown));
    this.#tools.hidden = !shown;
    if (shown) this.zoom = { scale: 1, x: 0.5, y: 0.5 };
    this.#render();
    this.#events.changed();
    if (shown) this.#frame.focus({ preventScroll: true });
  }

  #render(): void {
    const { scale, x, y } = this.zoom;
    this.#zoomIn.disabled = scale >= MOST_ZOOM;
    this.#zoomOut.disabled = this.#zoomFit.disabled = scale <= 1;
    // Until the photo is enlarged a finger on it scrolls the page.
    this.#layer.style.touchAction = scale > 1 ? 'none' : 'pan-y';
    this.#layer.classList.toggle('zoomed', scale > 1);
    const crop = this.#crop;
    this.#frame.hidden = !this.framing || !crop;
    if (!crop) return;
    const percent = (share: number) => `${share * 100}%`;
    this.#frame.style.left = percent((crop.x - x) * scale + 0.5);
    this.#frame.style.top = percent((crop.y - y) * scale + 0.5);
    this.#frame.style.width = percent(crop.width * scale);
    this.#frame.style.height = percent(crop.height * scale);
    const whole = (share: number) => String(Math.round(share * 100));
    this.#frame.setAttribute(
      'aria-label',
      t('frame.label', { x: whole(crop.x), y: whole(crop.y), size: whole(crop.width) }),
    );
  }

  /** In shares of the layer. */
  #point({ clientX, clientY }: { clientX: number; clientY: number }): Pointer {
    const box = this.#layer.getBoundingClientRect();
    return { x: (clientX - box.left) / box.width, y: (clientY - box.top) / box.height };
  }

  /** Of the frame: its handles have a corner's name. */
  #on(target: EventTarget | null): HTMLElement | undefined {
    return target instanceof HTMLElement && this.#frame.contains(target) ? target : undefined;
  }

  /** The place under `at` stays where it is. */
  #zoomTo(wanted: number, at: Pointer): void {
    const scale = clamp(wanted, 1, MOST_ZOOM);
    const { scale: before, x, y } = this.zoom;
    const kept = { x: x + (at.x - 0.5) / before, y: y + (at.y - 0.5) / before };
    this.#look(scale, kept.x - (at.x - 0.5) / scale, kept.y - (at.y - 0.5) / scale);
  }

  #look(scale: number, x: number, y: number): void {
    const half = 0.5 / scale;
    this.zoom = { scale, x: clamp(x, half, 1 - half), y: clamp(y, half, 1 - half) };
    this.#render();
    this.#events.changed();
  }

  #down(event: PointerEvent): void {
    if (!this.#photo || (event.pointerType === 'mouse' && event.button !== 0)) return;
    this.#layer.setPointerCapture(event.pointerId);
    const at = this.#point(event);
    this.#pointers.set(event.pointerId, at);
    this.#hold(false);
    if (this.#pointers.size > 1) {
      this.#drag = 'none';
      return;
    }
    this.#start = at;
    const target = this.#on(event.target);
    const crop = this.#crop;
    if (target && crop) {
      const corner = target.dataset['corner'];
      this.#drag = corner ? 'size' : 'move';
      this.#anchor = {
        x: corner?.includes('e') ? crop.x : crop.x + crop.width,
        y: corner?.includes('s') ? crop.y : crop.y + crop.height,
      };
      this.#frame.focus({ preventScroll: true });
      event.preventDefault();
    } else {
      this.#drag = 'hold';
      this.#hold(true);
    }
  }

  #move(event: PointerEvent): void {
    const before = this.#pointers.get(event.pointerId);
    if (!before || !this.#photo) return;
    const at = this.#point(event);
    const { scale, x, y } = this.zoom;
    if (this.#pointers.size === 2) {
      const [other] = [...this.#pointers].filter(([id]) => id !== event.pointerId);
      if (other) this.#pinch(before, at, other[1]);
    } else if (this.#drag === 'hold') {
      const box = this.#layer.getBoundingClientRect();
      const slip = Math.hypot(
        (at.x - this.#start.x) * box.width,
        (at.y - this.#start.y) * box.height,
      );
      if (slip > SLIP) {
        this.#hold(false);
        this.#drag = scale > 1 ? 'pan' : 'none';
      }
    } else if (this.#drag === 'pan') {
      this.#look(scale, x - (at.x - before.x) / scale, y - (at.y - before.y) / scale);
    } else if (this.#drag === 'move' && this.#crop) {
      const { x: left, y: top } = this.#crop;
      this.#draft({
        ...this.#crop,
        x: left + (at.x - before.x) / scale,
        y: top + (at.y - before.y) / scale,
      });
    } else if (this.#drag === 'size') {
      this.#size({ x: x + (at.x - 0.5) / scale, y: y + (at.y - 0.5) / scale });
    }
    this.#pointers.set(event.pointerId, at);
  }

  #up(event: PointerEvent): void {
    if (!this.#pointers.delete(event.pointerId)) return;
    this.#hold(false);
    if ((this.#drag === 'move' || this.#drag === 'size') && this.#crop) this.#let(this.#crop);
    this.#drag = 'none';
  }

  #pinch(before: Pointer, at: Pointer, other: Pointer): void {
    const distance = (one: Pointer) => Math.hypot(one.x - other.x, one.y - other.y);
    const centre = { x: (at.x + other.x) / 2, y: (at.y + other.y) / 2 };
    const { scale, x, y } = this.zoom;
    // Two fingers also push the photo.
    const push = { x: (at.x - before.x) / 2 / scale, y: (at.y - before.y) / 2 / scale };
    this.zoom = { scale, x: x - push.x, y: y - push.y };
    this.#zoomTo((scale * distance(at)) / Math.max(distance(before), 1e-3), centre);
  }

  #hold(held: boolean): void {
    if (held === this.held) return;
    this.held = held;
    this.#events.changed();
  }

  /** The square between the corner that stays and a pointer, in shares of the photo. */
  #size(to: Pointer): void {
    if (!this.#photo) return;
    const { width, height } = this.#photo;
    const [dx, dy] = [(to.x - this.#anchor.x) * width, (to.y - this.#anchor.y) * height];
    const room = (delta: number, at: number, size: number) =>
      delta < 0 ? at * size : (1 - at) * size;
    const side = clamp(
      Math.max(Math.abs(dx), Math.abs(dy)),
      Math.min(LEAST_SIDE, width, height),
      Math.min(room(dx, this.#anchor.x, width), room(dy, this.#anchor.y, height)),
    );
    const [w, h] = [side / width, side / height];
    this.#draft({
      x: dx < 0 ? this.#anchor.x - w : this.#anchor.x,
      y: dy < 0 ? this.#anchor.y - h : this.#anchor.y,
      width: w,
      height: h,
    });
  }

  #key(event: KeyboardEvent): void {
    const crop = this.#crop;
    if (!crop || !this.#photo || event.ctrlKey || event.metaKey || event.altKey) return;
    const step = event.shiftKey ? 0.1 : 0.02;
    const moves: Record<string, [number, number]> = {
      ArrowLeft: [-step, 0],
      ArrowRight: [step, 0],
      ArrowUp: [0, -step],
      ArrowDown: [0, step],
    };
    const sizes: Record<string, number> = { '+': 1.1, '=': 1.1, '-': 1 / 1.1, _: 1 / 1.1 };
    const move = moves[event.key];
    const factor = sizes[event.key];
    if (move) {
      // Steps of the frame's own size: as far across as down.
      this.#draft({
        ...crop,
        x: crop.x + move[0] * crop.width,
        y: crop.y + move[1] * crop.height,
      });
    } else if (factor !== undefined) {
      const [width, height] = [crop.width * factor, crop.height * factor];
      this.#draft({
        x: crop.x + (crop.width - width) / 2,
        y: crop.y + (crop.height - height) / 2,
        width,
        height,
      });
    } else if (event.key === 'Escape') {
      this.#showFrame(false);
      this.#toggle.focus();
    } else {
      return;
    }
    event.preventDefault();
    clearTimeout(this.#keyTimer);
    if (event.key === 'Escape') return;
    this.#keyTimer = window.setTimeout(() => {
      if (this.#crop) this.#let(this.#crop);
    }, KEY_PAUSE);
  }

  /** A square inside the photo, as near to `crop` as can be. */
  #inside(crop: Crop): Crop {
    const { width, height } = this.#photo ?? { width: 1, height: 1 };
    const most = Math.min(width, height);
    const side = clamp(crop.width * width, Math.min(LEAST_SIDE, most), most);
    const [w, h] = [side / width, side / height];
    return { x: clamp(crop.x, 0, 1 - w), y: clamp(crop.y, 0, 1 - h), width: w, height: h };
  }

  #draft(crop: Crop): void {
    this.#crop = this.#inside(crop);
    this.#render();
    this.#events.changed();
  }

  #let(crop: Crop): void {
    this.#crop = crop;
    this.#render();
    this.#events.framed(crop);
  }
}
