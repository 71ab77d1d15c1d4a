// nevus_core (C++ as WebAssembly) with types: web/core/bindings.cpp says what each function does.

import type { Alignment, Crop, Lesion, ModelPackage, OutcomeId, Pixels, Quality } from './protocol';

/** Emscripten's module: exported functions take and return plain numbers. */
interface CoreModule {
  HEAPU8: Uint8Array<ArrayBuffer>;
  UTF8ToString(pointer: number): string;
  _nevus_alloc(size: number): number;
  _nevus_free(pointer: number): void;
  _nevus_open(pointer: number, size: number, partSide: number): number;
  _nevus_pixels(): number;
  _nevus_fits(partSide: number): number;
  _nevus_load_package(pointer: number, size: number): number;
  _nevus_self_test(): number;
  _nevus_photo(width: number, height: number): number;
  _nevus_orient(orientation: number): number;
  _nevus_release_photo(): void;
  _nevus_prepare(previewSide: number): number;
  _nevus_outline(): number;
  _nevus_frame(x: number, y: number, side: number): number;
  _nevus_tensor(): number;
  _nevus_preview(): number;
  _nevus_decide(
    logits: number,
    logitCount: number,
    cam: number,
    camCount: number,
    distance: number,
    size: number,
  ): number;
  _nevus_heatmap(): number;
  _nevus_register(
    fixed: number,
    fixedWidth: number,
    fixedHeight: number,
    fixedOutline: number,
    fixedPoints: number,
    moving: number,
    movingWidth: number,
    movingHeight: number,
    movingOutline: number,
    movingPoints: number,
  ): number;
}

/** A photo and its outline, in its pixels. */
export interface Outlined {
  pixels: Uint8ClampedArray<ArrayBuffer>;
  width: number;
  height: number;
  outline: [number, number][];
}

export type CoreFactory = (options: { locateFile: () => string }) => Promise<CoreModule>;

/** A reason that a person may read, as it stands. */
export class Refusal extends Error {
  readonly field: string;
  constructor(reason: string, field = '') {
    super(reason);
    this.name = 'Refusal';
    this.field = field;
  }
}

export interface EncodedInfo {
  codec: string;
  orientation: number;
  /** Whether the core decoded it; else the browser has to. */
  decoded: boolean;
}

export interface Prepared {
  quality: Quality;
  crop: Crop;
  preview: Pixels;
  /** The network's input; a view on the core's memory, valid until the core is called again. */
  tensor: Float32Array<ArrayBuffer>;
}

/** What the network says of one photo. */
export interface NetworkAnswer {
  /** One a class. */
  logits: Float32Array;
  /** classes * map height * map width. */
  cam: Float32Array;
  /** Squared Mahalanobis distance to the training photos; NaN where the model has none. */
  distance: number;
}

export interface Decided {
  outcome: OutcomeId;
  sentence: string;
  malignancy: number;
  probabilities: number[];
  reasons: string[];
  heatmap: Pixels;
}

export class Core {
  readonly #module: CoreModule;
  #tensorLength = 0;

  private constructor(module: CoreModule) {
    this.#module = module;
  }

  static async load(factory: CoreFactory, wasm: string): Promise<Core> {
    return new Core(await factory({ locateFile: () => wasm }));
  }

  /**
   * Looks at a file, and decodes it if it is a JPEG.
   * @param partSide of the square that will be judged, in pixels of the photo; 0: the centre square
   * @throws Refusal with the core's words
   */
  open(bytes: Uint8Array, partSide: number): EncodedInfo {
    return this.#withBytes(bytes, (pointer) =>
      this.#parse<EncodedInfo>(
        this.#module._nevus_open(pointer, bytes.length, Math.round(partSide)),
      ),
    );
  }

  /** How many of the photo's pixels the core has. */
  pixels(): number {
    return this.#module._nevus_pixels();
  }

  /** Whether the photo's pixels are as `open` would decode them for a square of that size. */
  fits(partSide: number): boolean {
    return Boolean(this.#module._nevus_fits(Math.round(partSide)));
  }

  /** Reads and checks a model package; the one in use stays when it is refused. @throws Refusal */
  loadPackage(onnx: Uint8Array): ModelPackage {
    const { package: model } = this.#withBytes(onnx, (pointer) =>
      this.#parse<{ package: ModelPackage }>(
        this.#module._nevus_load_package(pointer, onnx.length),
      ),
    );
    this.#tensorLength = 3 * model.input.width * model.input.height;
    return model;
  }

  /** The self-test's input, a copy. */
  selfTest(): Float32Array<ArrayBuffer> {
    const pointer = this.#module._nevus_self_test();
    if (pointer === 0) throw new Refusal('not enough memory');
    return this.#floats(pointer, this.#tensorLength).slice();
  }

  /**
   * Memory for width x height RGBA pixels inside the core, to be filled at once.
   * @throws Refusal
   */
  photo(width: number, height: number): Uint8Array<ArrayBuffer> {
    const pointer = this.#module._nevus_photo(width, height);
    if (pointer === 0) throw new Refusal('not enough memory for this photo');
    return this.#module.HEAPU8.subarray(pointer, pointer + width * height * 4);
  }

  /** Turns the photo upright. @param orientation EXIF, 1 to 8. @throws Refusal */
  orient(orientation: number): void {
    this.#parse(this.#module._nevus_orient(orientation));
  }

  releasePhoto(): void {
    this.#module._nevus_release_photo();
  }

  /** Quality, crop, tensor, and a preview of about `previewSide` pixels. @throws Refusal */
  prepare(previewSide: number): Prepared {
    const { preview, ...rest } = this.#parse<{
      quality: Quality;
      crop: Crop;
      preview: { width: number; height: number };
    }>(this.#module._nevus_prepare(previewSide));
    return {
      ...rest,
      preview: this.#pixels(this.#module._nevus_preview(), preview.width, preview.height),
      tensor: this.#floats(this.#module._nevus_tensor(), this.#tensorLength),
    };
  }

  /** The photo's outline and its measures; its pixels must still be there. @throws Refusal */
  outline(): Lesion {
    return this.#parse<Lesion>(this.#module._nevus_outline());
  }

  /**
   * Another square of the photo that `prepare` saw, as the network's input.
   * @param frame in shares of the photo
   * @throws Refusal
   */
  frame(frame: Crop, photo: { width: number; height: number }): Omit<Prepared, 'preview'> {
    const pixel = (share: number, size: number) => Math.round(share * size);
    const part = this.#parse<{ quality: Quality; crop: Crop }>(
      this.#module._nevus_frame(
        pixel(frame.x, photo.width),
        pixel(frame.y, photo.height),
        pixel(frame.width, photo.width),
      ),
    );
    return { ...part, tensor: this.#floats(this.#module._nevus_tensor(), this.#tensorLength) };
  }

  /** @throws Refusal */
  decide({ logits, cam, distance }: NetworkAnswer, heatmapSize: number): Decided {
    const all = new Float32Array(logits.length + cam.length);
    all.set(logits);
    all.set(cam, logits.length);
    const decided = this.#withBytes(new Uint8Array(all.buffer), (pointer) =>
      this.#parse<Omit<Decided, 'heatmap'>>(
        this.#module._nevus_decide(
          pointer,
          logits.length,
          pointer + 4 * logits.length,
          cam.length,
          distance,
          heatmapSize,
        ),
      ),
    );
    return {
      ...decided,
      heatmap: this.#pixels(this.#module._nevus_heatmap(), heatmapSize, heatmapSize),
    };
  }

  /** Lays `moving` over `fixed`. @throws Refusal */
  register(fixed: Outlined, moving: Outlined): Alignment {
    const points = ({ outline }: Outlined) => bytesOf(new Float64Array(outline.flat()).buffer);
    const pixels = (one: Outlined) => bytesOf(one.pixels.buffer);
    return this.#withBytes(pixels(fixed), (a) =>
      this.#withBytes(points(fixed), (b) =>
        this.#withBytes(pixels(moving), (c) =>
          this.#withBytes(points(moving), (d) =>
            this.#parse<Alignment>(
              this.#module._nevus_register(
                ...([a, fixed.width, fixed.height, b, fixed.outline.length] as const),
                ...([c, moving.width, moving.height, d, moving.outline.length] as const),
              ),
            ),
          ),
        ),
      ),
    );
  }

  #withBytes<T>(bytes: Uint8Array, use: (pointer: number) => T): T {
    const pointer = this.#module._nevus_alloc(bytes.length);
    if (pointer === 0) throw new Refusal('not enough memory');
    try {
      this.#module.HEAPU8.set(bytes, pointer);
      return use(pointer);
    } finally {
      this.#module._nevus_free(pointer);
    }
  }

  #parse<T extends object>(text: number): T {
    const value = JSON.parse(this.#module.UTF8ToString(text)) as
      T | { error: string; field: string };
    if ('error' in value) throw new Refusal(value.error, value.field);
    return value;
  }

  #floats(pointer: number, length: number): Float32Array<ArrayBuffer> {
    return new Float32Array(this.#module.HEAPU8.buffer, pointer, length);
  }

  #pixels(pointer: number, width: number, height: number): Pixels {
    const data = this.#module.HEAPU8.slice(pointer, pointer + width * height * 4);
    return { data, width, height };
  }
}

function bytesOf(buffer: ArrayBuffer): Uint8Array<ArrayBuffer> {
  return new Uint8Array(buffer);
}
