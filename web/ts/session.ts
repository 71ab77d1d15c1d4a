// ONNX Runtime Web: picks the backend, proves it with the package's self-test before it is trusted,
// and says why it is the one.

import type * as Ort from 'onnxruntime-web';
import { asset } from './assets';
import type { Core, NetworkAnswer } from './core';
import type { Backend, BackendChoice, BackendId, ModelPackage } from './protocol';

/** As in shared/nevus/package.h. */
const DISTANCE_TOLERANCE = 0.05;

/**
 * The runtime's two builds: 'plain' has WebAssembly only; 'jspi' (larger) has WebGPU as well. 'single'
 * is 'plain' once more, without threads: a runtime whose start failed can't be started again.
 */
type Build = 'plain' | 'single' | 'jspi';

const runtimes = new Map<Build, Promise<typeof Ort>>();

function loadRuntime(build: Build): Promise<typeof Ort> {
  let runtime = runtimes.get(build);
  if (!runtime) {
    runtime = (async () => {
      const name = build === 'single' ? 'plain' : build;
      // Another address is another instance; the file is the same.
      const address = asset(`ort-${name}.mjs`) + (build === 'single' ? '?single' : '');
      const ort = (await import(address)) as typeof Ort;
      ort.env.logLevel = 'error';
      ort.env.wasm.wasmPaths = { wasm: asset(`ort-${name}.wasm`) };
      // Threads need cross-origin isolation; a core is left to the browser itself.
      ort.env.wasm.numThreads = build === 'single' ? 1 : threads();
      return ort;
    })();
    runtimes.set(build, runtime);
    runtime.catch(() => runtimes.delete(build));
  }
  return runtime;
}

/** An ONNX file (version 13 of the operators): y = Identity(x), one number. */
const SMALLEST_MODEL =
  'CAhCAhANOjcKEAoBeBIBeSIISWRlbnRpdHkSAWdaDwoBeBIKCggIARIECgIIAWIPCgF5EgoKCAgBEgQKAggB';

/** Runtimes on their way, so that none is started twice at a time. */
const warming = new Map<Build, Promise<void>>();

/**
 * Starts the runtime that the visitor will probably need, while core and model arrive; without a model it
 * has no way to be started. What goes wrong here goes wrong once more in Session.create, which says so.
 */
export async function warmUp(choice: BackendChoice): Promise<void> {
  const gpu = choice === 'wasm' ? undefined : await lookForGpu();
  const build = gpu?.usable || (choice === 'webgpu' && gpu?.possible) ? 'jspi' : 'plain';
  const started = (async () => {
    const ort = await loadRuntime(build);
    const bytes = Uint8Array.from(atob(SMALLEST_MODEL), (letter) => letter.charCodeAt(0));
    const session = await ort.InferenceSession.create(bytes, { executionProviders: ['wasm'] });
    await session.release();
  })().catch(() => {});
  warming.set(build, started);
  await started;
}

function threads(): number {
  return globalThis.crossOriginIsolated
    ? Math.min(4, Math.max(1, navigator.hardwareConcurrency - 1))
    : 1;
}

/** A network on one backend, which answered the self-test. */
export class Session {
  private constructor(
    private readonly ort: typeof Ort,
    private readonly session: Ort.InferenceSession,
    private readonly model: ModelPackage,
    readonly backend: Backend,
    private readonly build: Build,
    /** Rejects when the graphics processor is lost; a run that waits for it may never end. */
    private readonly lost: Promise<never> | undefined,
  ) {}

  /** Tries the backends that `choice` allows, best first. @throws Error when none of them works */
  static async create(
    onnx: Uint8Array,
    model: ModelPackage,
    core: Core,
    choice: BackendChoice,
    progress: (text: string) => void,
  ): Promise<Session> {
    const input = core.selfTest();
    const start = (build: Build, id: BackendId, reason: string) =>
      Session.#start(build, { id, reason }, onnx, model, input);

    let why = choice === 'wasm' ? 'asked for by the address' : '';
    if (choice !== 'wasm') {
      const gpu = await lookForGpu();
      if (gpu.usable || (choice === 'webgpu' && gpu.possible)) {
        progress('Preparing the graphics processor.');
        let webgpu: Session | undefined;
        try {
          webgpu = await start(
            'jspi',
            'webgpu',
            choice === 'webgpu' ? 'asked for by the address' : '',
          );
        } catch (error) {
          why = `WebGPU: ${reasonOf(error)}`;
        }
        if (webgpu && choice === 'webgpu') return webgpu;
        try {
          const wasm = await start('jspi', 'wasm', why);
          if (!webgpu) return wasm;
          const [onGpu, onCpu] = [await webgpu.#time(input), await wasm.#time(input)];
          const figures = `${onGpu.toFixed(0)} ms on WebGPU, ${onCpu.toFixed(0)} ms on WebAssembly`;
          const [faster, slower] = onGpu <= onCpu ? [webgpu, wasm] : [wasm, webgpu];
          await slower.close();
          faster.backend.reason = `the faster one here: ${figures}`;
          return faster;
        } catch (error) {
          if (webgpu) {
            webgpu.backend.reason = `WebAssembly: ${reasonOf(error)}`;
            return webgpu;
          }
        }
      } else {
        why = gpu.reason;
      }
    }
    progress('Preparing the network.');
    try {
      return await start('plain', 'wasm', why);
    } catch (error) {
      if (threads() === 1) throw error;
      return start(
        'single',
        'wasm',
        [why, `without threads: ${reasonOf(error)}`].filter(Boolean).join('; '),
      );
    }
  }

  /**
   * Another session after this one failed in mid-run: on WebAssembly, in the runtime that is loaded
   * already, so that nothing is fetched while a photo is open; else in a fresh one.
   * @throws Error when none of them works
   */
  async replace(onnx: Uint8Array, core: Core, failure: unknown): Promise<Session> {
    // Not waited for: what is broken may never answer.
    void this.close().catch(() => {});
    const reason =
      this.backend.id === 'webgpu'
        ? `WebGPU failed: ${reasonOf(failure)}`
        : `started anew: ${reasonOf(failure)}`;
    const backend: Backend = { id: 'wasm', reason };
    const input = core.selfTest();
    try {
      return await Session.#start(this.build, backend, onnx, this.model, input);
    } catch {
      const build = this.build === 'jspi' ? 'plain' : 'single';
      return Session.#start(build, backend, onnx, this.model, input);
    }
  }

  /** @param tensor 3 * height * width floats, NCHW */
  async run(tensor: Float32Array): Promise<NetworkAnswer> {
    const { width, height } = this.model.input;
    const image = new this.ort.Tensor('float32', tensor, [1, 3, height, width]);
    const running = this.session.run({ image });
    const outputs = await (this.lost ? Promise.race([running, this.lost]) : running);
    const { logits, cam, distance } = outputs;
    if (!(logits?.data instanceof Float32Array) || !(cam?.data instanceof Float32Array))
      throw new Error('the network gave no logits and class maps');
    const answer = {
      logits: logits.data.slice(),
      cam: cam.data.slice(),
      distance: distance?.data instanceof Float32Array ? (distance.data[0] ?? NaN) : NaN,
    };
    for (const output of [logits, cam, distance]) output?.dispose();
    return answer;
  }

  async close(): Promise<void> {
    await this.session.release();
  }

  static async #start(
    build: Build,
    backend: Backend,
    onnx: Uint8Array,
    model: ModelPackage,
    input: Float32Array,
  ): Promise<Session> {
    const ort = await loadRuntime(build);
    await warming.get(build);
    // Exactly one provider: which one runs is known, not assumed.
    const session = await ort.InferenceSession.create(onnx, {
      executionProviders: [backend.id],
      graphOptimizationLevel: 'all',
    });
    // The device that the runtime works on.
    const device =
      backend.id === 'webgpu'
        ? ((await ort.env.webgpu.device) as GPUDevice | undefined)
        : undefined;
    const lost = device && whenLost(device);
    const started = new Session(ort, session, model, backend, build, lost);
    try {
      const { logits, distance } = await started.run(input);
      const { logits: expected, tolerance } = model.self_test;
      if (logits.length !== expected.length)
        throw new Error('the self-test gave an answer of the wrong size');
      for (const [index, value] of expected.entries()) {
        const difference = Math.abs((logits[index] ?? NaN) - value);
        // Not a comparison with >, so that NaN fails.
        if (!(difference <= tolerance))
          throw new Error(
            `the self-test failed (off by ${difference.toPrecision(2)}, at most ${tolerance})`,
          );
      }
      if (model.typicality) {
        const { limit, self_test: known } = model.typicality;
        if (!(Math.abs(distance - known) <= DISTANCE_TOLERANCE * Math.max(known, limit)))
          throw new Error(`the self-test failed (distance ${distance}, expected ${known})`);
      }
      return started;
    } catch (error) {
      // Not waited for: what is broken may never answer.
      void started.close().catch(() => {});
      throw error;
    }
  }

  /** Milliseconds of the best of three runs. */
  async #time(input: Float32Array): Promise<number> {
    let best = Infinity;
    for (let run = 0; run < 3; run += 1) {
      const start = performance.now();
      await this.run(input);
      best = Math.min(best, performance.now() - start);
    }
    return best;
  }
}

/** Rejects when the device is lost. */
function whenLost(device: GPUDevice): Promise<never> {
  const lost = device.lost.then(({ message }): never => {
    throw new Error(`the graphics processor was lost (${message || 'no reason given'})`);
  });
  // Nobody may be waiting when it happens.
  lost.catch(() => {});
  return lost;
}

interface Gpu {
  /** A real graphics processor that this build can use. */
  usable: boolean;
  /** At least one in software. */
  possible: boolean;
  reason: string;
}

async function lookForGpu(): Promise<Gpu> {
  const none = (reason: string): Gpu => ({ usable: false, possible: false, reason });
  if (!navigator.gpu) return none('this browser has no WebGPU');
  // The build that waits for the GPU in the middle of WebAssembly needs JavaScript Promise Integration.
  if (!('Suspending' in WebAssembly))
    return none("this browser's WebAssembly can't wait for WebGPU (no JSPI)");
  const adapter = await navigator.gpu
    .requestAdapter({ powerPreference: 'high-performance' })
    .catch(() => null);
  if (!adapter) return none('no graphics processor is available to WebGPU');
  const info = adapter.info as GPUAdapterInfo & { isFallbackAdapter?: boolean };
  if (
    info.isFallbackAdapter ||
    /swiftshader|llvmpipe/i.test(`${info.architecture} ${info.description}`)
  )
    return { usable: false, possible: true, reason: 'WebGPU is only emulated in software here' };
  return { usable: true, possible: true, reason: '' };
}

function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const line = text.split('\n', 1)[0] ?? '';
  // Of the runtime's own words, those that say something to people outside its build.
  return (
    line
      .replace(/.*ERROR_MESSAGE: /, '')
      .replace(/(\/[\w.]+)+\//, '')
      .slice(0, 200) || 'failed'
  );
}
