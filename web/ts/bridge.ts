// Between the page and the Dear ImGui module (web/app): hands it the view, the pixels, the canvas's
// size and the scroll position; takes back the content's height and clicks.

import { asset } from './assets';
import type { Pixels } from './protocol';
import type { View } from './view';

/** Emscripten's module: web/app/main.cpp says what each function does. */
interface AppModule {
  HEAPU8: Uint8Array<ArrayBuffer>;
  _malloc(size: number): number;
  _nevus_app_font(bold: number, pointer: number, size: number): void;
  _nevus_app_start(): number;
  _nevus_app_resize(width: number, height: number, pixelWidth: number, pixelHeight: number): void;
  _nevus_app_scroll(y: number): void;
  _nevus_app_theme(dark: number): void;
  _nevus_app_view(json: number): void;
  _nevus_app_photo(pixels: number, width: number, height: number): void;
  _nevus_app_heatmap(pixels: number, width: number, height: number): void;
  _nevus_app_frames(): number;
}

/** Where controls of the DOM go, in CSS pixels from the stage's corner; width 0: nowhere. */
export interface Place {
  x: number;
  y: number;
  width: number;
  /** Of the picture alone; 0: as high as the controls are. */
  height: number;
}

/** In the order of web/app/view.h's Slot. */
export const SLOTS = ['photo', 'actions', 'expert', 'picture'] as const;
export type SlotName = (typeof SLOTS)[number];

export interface AppEvents {
  onChoose(): void;
  onLayout(contentHeight: number): void;
  onSlot(slot: number, x: number, y: number, width: number, height: number): void;
}

export type AppFactory = (
  options: AppEvents & { locateFile: () => string; canvas: HTMLCanvasElement },
) => Promise<AppModule>;

export interface BridgeEvents {
  choose(): void;
  layout(contentHeight: number): void;
  slot(name: SlotName, place: Place): void;
}

export class Bridge {
  readonly #module: AppModule;

  private constructor(module: AppModule) {
    this.#module = module;
  }

  /** @throws Error where there is no WebGL 2 */
  static async load(
    factory: AppFactory,
    canvas: HTMLCanvasElement,
    events: BridgeEvents,
  ): Promise<Bridge> {
    const fonts = Promise.all(
      ['inter-regular.ttf', 'inter-semibold.ttf'].map(async (name) => {
        const response = await fetch(asset(name));
        if (!response.ok) throw new Error(`${name} is not there (${response.status})`);
        return new Uint8Array(await response.arrayBuffer());
      }),
    );
    const module = await factory({
      canvas,
      locateFile: () => asset('nevus_app.wasm'),
      onChoose: () => events.choose(),
      onLayout: (height) => events.layout(height),
      onSlot: (slot, x, y, width, height) =>
        events.slot(SLOTS[slot] ?? 'photo', { x, y, width, height }),
    });
    const bridge = new Bridge(module);
    (await fonts).forEach((font, index) => {
      module._nevus_app_font(index, bridge.#copy(font), font.length);
    });
    if (!module._nevus_app_start()) throw new Error('this browser has no WebGL 2');
    bridge.#watch(canvas);
    return bridge;
  }

  view(view: View): void {
    const text = new TextEncoder().encode(`${JSON.stringify(view)}\0`);
    this.#module._nevus_app_view(this.#copy(text));
  }

  photo(pixels: Pixels | undefined): void {
    this.#module._nevus_app_photo(
      pixels ? this.#copy(pixels.data) : 0,
      pixels?.width ?? 0,
      pixels?.height ?? 0,
    );
  }

  heatmap(pixels: Pixels | undefined): void {
    this.#module._nevus_app_heatmap(
      pixels ? this.#copy(pixels.data) : 0,
      pixels?.width ?? 0,
      pixels?.height ?? 0,
    );
  }

  /** Frames drawn so far: an idle page draws none. */
  get frames(): number {
    return this.#module._nevus_app_frames();
  }

  /** Memory that the module frees. */
  #copy(bytes: Uint8Array): number {
    const pointer = this.#module._malloc(bytes.length);
    if (pointer === 0) throw new Error('not enough memory');
    this.#module.HEAPU8.set(bytes, pointer);
    return pointer;
  }

  /** The page's size, density, colour scheme and scroll position, now and whenever they change. */
  #watch(canvas: HTMLCanvasElement): void {
    const resized = (entries: ResizeObserverEntry[]) => {
      const entry = entries.at(-1);
      if (!entry) return;
      const { width, height } = entry.contentRect;
      // Device pixels as the browser lays them out, where it tells: sharp at any zoom. (An emulated
      // density is not in them.)
      const exact = entry.devicePixelContentBoxSize?.[0];
      const pixels = (size: number, told: number | undefined) => {
        const computed = size * devicePixelRatio;
        return told !== undefined && Math.abs(told - computed) <= 1 ? told : Math.round(computed);
      };
      const pixelWidth = pixels(width, exact?.inlineSize);
      const pixelHeight = pixels(height, exact?.blockSize);
      if (width > 0 && height > 0)
        this.#module._nevus_app_resize(width, height, pixelWidth, pixelHeight);
    };
    const observer = new ResizeObserver(resized);
    try {
      observer.observe(canvas, { box: 'device-pixel-content-box' });
    } catch {
      observer.observe(canvas);
    }

    const dark = matchMedia('(prefers-color-scheme: dark)');
    const theme = () => this.#module._nevus_app_theme(dark.matches ? 1 : 0);
    dark.addEventListener('change', theme);
    theme();

    // The page scrolls, natively; the canvas stays in view and draws what is there.
    const stage = canvas.parentElement as HTMLElement;
    const scrolled = () => {
      const hidden = canvas.getBoundingClientRect().top - stage.getBoundingClientRect().top;
      this.#module._nevus_app_scroll(Math.max(0, hidden));
    };
    addEventListener('scroll', scrolled, { passive: true });
    addEventListener('resize', scrolled);
    scrolled();
  }
}
