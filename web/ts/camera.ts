// The camera: a dialog with the live picture and a guide, and one photo out of it. The camera is asked
// for by a click only, and switched off with the shot, with the dialog and with a tab that is hidden.

import { t, type Key } from './i18n';
import { element, write } from './mirror';

// Image Capture (W3C), which TypeScript's DOM library lacks.
interface PhotoSettings {
  imageWidth?: number;
  imageHeight?: number;
  fillLightMode?: 'off';
}
interface PhotoCapabilities {
  imageWidth?: { max: number };
  imageHeight?: { max: number };
  fillLightMode?: string[];
}
declare class ImageCapture {
  constructor(track: MediaStreamTrack);
  getPhotoCapabilities(): Promise<PhotoCapabilities>;
  takePhoto(settings: PhotoSettings): Promise<Blob>;
}
type TorchCapabilities = MediaTrackCapabilities & { torch?: boolean };
type TorchConstraints = MediaTrackConstraintSet & { torch: boolean };

const QUALITY = 0.95;
/** Some drivers never answer takePhoto(); then a frame of the video has to do. */
const PATIENCE_MS = 5000;
/** nevus::kMaxPixels: a photo with more would be refused. */
const MAX_PIXELS = 64_000_000;

/** `starting` until pictures come; `failed`: the reason stands in #camera-status. */
type State = 'starting' | 'live' | 'shooting' | 'failed';

export class Camera {
  readonly #dialog = element('camera', HTMLDialogElement);
  readonly #video = element('camera-video', HTMLVideoElement);
  readonly #status = element('camera-status', HTMLElement);
  readonly #shutter = element('camera-shutter', HTMLButtonElement);
  readonly #switch = element('camera-switch', HTMLButtonElement);
  readonly #torch = element('camera-torch', HTMLButtonElement);
  readonly #again = element('camera-again', HTMLButtonElement);
  readonly #choose = element('camera-choose', HTMLButtonElement);
  readonly #taken: (photo: File) => void;
  #stream: MediaStream | undefined;
  /** What was started last; an answer to anything older comes too late. */
  #attempt = 0;
  #cameras: string[] = [];
  #minute = '';
  #shots = 0;

  /**
   * @param taken gets each photo, the dialog being closed
   * @param choose the way out where there is no camera: choosing a file
   */
  constructor(taken: (photo: File) => void, choose: () => void) {
    this.#taken = taken;
    element('camera-open', HTMLButtonElement).addEventListener('click', () => this.open());
    element('camera-cancel', HTMLButtonElement).addEventListener('click', () => this.#close());
    this.#shutter.addEventListener('click', () => void this.#shoot());
    this.#switch.addEventListener('click', () => void this.#start(this.#nextCamera()));
    this.#torch.addEventListener('click', () => void this.#toggleTorch());
    this.#again.addEventListener('click', () => void this.#start());
    this.#choose.addEventListener('click', () => {
      this.#close();
      choose();
    });
    // By Escape, or by the browser's own way back.
    for (const end of ['cancel', 'close']) this.#dialog.addEventListener(end, () => this.#stop());
    // Wherever the focus is, unless it is on another button.
    this.#dialog.addEventListener('keydown', (event) => {
      if (event.target instanceof HTMLButtonElement || event.repeat) return;
      if (event.key !== ' ' && event.key !== 'Enter') return;
      event.preventDefault();
      void this.#shoot();
    });
    document.addEventListener('visibilitychange', () => {
      if (document.hidden) this.#close();
    });
  }

  open(): void {
    if (this.#dialog.open) return;
    this.#dialog.showModal();
    void this.#start();
  }

  #show(state: State, words = ''): void {
    this.#dialog.dataset['state'] = state;
    const failed = state === 'failed';
    this.#shutter.disabled = state !== 'live';
    this.#shutter.hidden = failed;
    this.#again.hidden = this.#choose.hidden = !failed;
    this.#switch.hidden = failed || this.#cameras.length < 2;
    if (state !== 'live') this.#torch.hidden = true;
    write(this.#status, words);
  }

  #fail(reason: Key, values: Record<string, string> = {}): void {
    this.#stop();
    this.#show('failed', `${t(reason, values)} ${t('camera.instead')}`);
    this.#again.focus();
  }

  /** The focus goes back to the button that opened the dialog. */
  #close(): void {
    this.#stop();
    this.#dialog.close();
  }

  #stop(): void {
    this.#attempt += 1;
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#stream = undefined;
    this.#video.srcObject = null;
  }

  /** @param camera one of #cameras; else the one at the back, where there is one */
  async #start(camera?: string): Promise<void> {
    this.#stop();
    const attempt = this.#attempt;
    this.#show('starting', t('camera.starting'));
    if (!isSecureContext) return this.#fail('camera.insecure');
    // Absent in some browsers' webviews, whatever the types say.
    const devices = navigator.mediaDevices as MediaDevices | undefined;
    if (!devices) return this.#fail('camera.unsupported');
    // Where a photo is a frame of the video, the video has to be as large as can be.
    const wide = 'ImageCapture' in window ? 1920 : 4096;
    try {
      const stream = await devices.getUserMedia({
        audio: false,
        video: {
          width: { ideal: wide },
          height: { ideal: (wide * 3) / 4 },
          ...(camera === undefined
            ? { facingMode: { ideal: 'environment' } }
            : { deviceId: { exact: camera } }),
        },
      });
      if (attempt !== this.#attempt) {
        for (const track of stream.getTracks()) track.stop();
        return;
      }
      this.#stream = stream;
      const [track] = stream.getVideoTracks();
      if (!track) return this.#fail('camera.none');
      // Unplugged, or taken away by the system; stop() does not cause this.
      track.addEventListener('ended', () => {
        if (attempt === this.#attempt) this.#fail('camera.ended');
      });
      // Cameras are named only now, after the permission.
      const all = await devices.enumerateDevices();
      this.#cameras = all.filter(({ kind }) => kind === 'videoinput').map((one) => one.deviceId);
      if (attempt !== this.#attempt) return;
      this.#video.srcObject = stream;
      await this.#video.play();
    } catch (error) {
      if (attempt === this.#attempt) this.#explain(error);
      return;
    }
    if (attempt !== this.#attempt) return;
    this.#show('live');
    this.#offerTorch();
    this.#shutter.focus();
  }

  #explain(error: unknown): void {
    const name = error instanceof Error ? error.name : '';
    if (name === 'NotAllowedError' || name === 'SecurityError') this.#fail('camera.denied');
    else if (name === 'NotFoundError' || name === 'OverconstrainedError') this.#fail('camera.none');
    else if (name === 'NotReadableError' || name === 'AbortError') this.#fail('camera.busy');
    else this.#fail('camera.failed', { reason: String(error) });
  }

  get #track(): MediaStreamTrack | undefined {
    return this.#stream?.getVideoTracks()[0];
  }

  #nextCamera(): string | undefined {
    const at = this.#cameras.indexOf(this.#track?.getSettings().deviceId ?? '');
    return this.#cameras[(at + 1) % this.#cameras.length];
  }

  #offerTorch(): void {
    // Firefox lacks getCapabilities.
    const can = this.#track?.getCapabilities?.() as TorchCapabilities | undefined;
    this.#torch.hidden = can?.torch !== true;
    this.#torch.setAttribute('aria-pressed', 'false');
  }

  async #toggleTorch(): Promise<void> {
    const torch = this.#torch.getAttribute('aria-pressed') !== 'true';
    try {
      await this.#track?.applyConstraints({ advanced: [{ torch } as TorchConstraints] });
      this.#torch.setAttribute('aria-pressed', String(torch));
    } catch {
      this.#torch.hidden = true;
    }
  }

  async #shoot(): Promise<void> {
    const track = this.#track;
    if (!track || this.#dialog.dataset['state'] !== 'live') return;
    const attempt = this.#attempt;
    this.#show('shooting', t('camera.shooting'));
    let photo: Blob;
    try {
      photo = (await still(track)) ?? (await jpeg(this.#video));
    } catch (error) {
      if (attempt === this.#attempt) this.#fail('camera.failed', { reason: String(error) });
      return;
    }
    if (attempt !== this.#attempt) return;
    this.#close();
    this.#taken(new File([photo], this.#name(new Date()), { type: 'image/jpeg' }));
  }

  /** By local time; a second photo of the same minute is numbered. */
  #name(now: Date): string {
    const two = (value: number) => String(value).padStart(2, '0');
    const day = `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
    const minute = `${day}-${two(now.getHours())}${two(now.getMinutes())}`;
    this.#shots = minute === this.#minute ? this.#shots + 1 : 1;
    this.#minute = minute;
    return `camera-${minute}${this.#shots > 1 ? `-${this.#shots}` : ''}.jpg`;
  }
}

/** The camera's own photo, at its full size and without flash; undefined where it takes none. */
async function still(track: MediaStreamTrack): Promise<Blob | undefined> {
  if (!('ImageCapture' in window)) return undefined;
  try {
    const capture = new ImageCapture(track);
    const can = await patiently(capture.getPhotoCapabilities());
    const [width, height] = [can.imageWidth?.max ?? 0, can.imageHeight?.max ?? 0];
    const blob = await patiently(
      capture.takePhoto({
        ...(width * height > 0 && width * height <= MAX_PIXELS
          ? { imageWidth: width, imageHeight: height }
          : {}),
        ...(can.fillLightMode?.includes('off') ? { fillLightMode: 'off' } : {}),
      }),
    );
    if (blob.type === 'image/jpeg') return blob;
    const bitmap = await createImageBitmap(blob);
    try {
      return await jpeg(bitmap);
    } finally {
      bitmap.close();
    }
  } catch (error) {
    console.info(`no takePhoto: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

function patiently<T>(promise: Promise<T>): Promise<T> {
  return Promise.race([
    promise,
    new Promise<never>((_, reject) => {
      setTimeout(() => reject(new Error('no answer')), PATIENCE_MS);
    }),
  ]);
}

async function jpeg(picture: HTMLVideoElement | ImageBitmap): Promise<Blob> {
  const [width, height] =
    picture instanceof HTMLVideoElement
      ? [picture.videoWidth, picture.videoHeight]
      : [picture.width, picture.height];
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d');
  if (!context) throw new Error('no canvas');
  context.drawImage(picture, 0, 0);
  return canvas.convertToBlob({ type: 'image/jpeg', quality: QUALITY });
}
