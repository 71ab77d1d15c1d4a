// What a bug report needs: browser, graphics processor, backend, memory, timings, versions. In English,
// for whoever mends the program; no photo, no file name and no answer in it.

import type { Backend, ModelPackage, Timings } from './protocol';
import type { Counts } from './queue';
import type { RequestCounts } from './requests';

export interface State {
  version: string;
  backend: Backend | undefined;
  model: ModelPackage | undefined;
  /** Of the answer on screen. */
  timings: Timings | undefined;
  counts: Counts;
  requests: RequestCounts;
  offline: string;
  state: string;
  language: string;
  frames: number | undefined;
}

async function adapter(): Promise<string> {
  if (!navigator.gpu) return 'no WebGPU';
  const found = await navigator.gpu.requestAdapter().catch(() => null);
  if (!found) return 'none';
  const { vendor, architecture, device, description } = found.info;
  return [vendor, architecture, device, description].filter(Boolean).join(' ') || 'unnamed';
}

function webgl(): string {
  const context = new OffscreenCanvas(1, 1).getContext('webgl2');
  if (!context) return 'none';
  const names = context.getExtension('WEBGL_debug_renderer_info');
  const name: unknown = context.getParameter(names?.UNMASKED_RENDERER_WEBGL ?? context.RENDERER);
  context.getExtension('WEBGL_lose_context')?.loseContext();
  return String(name);
}

const megabytes = (bytes: number | undefined) =>
  bytes === undefined ? 'unknown' : `${(bytes / 1e6).toFixed(0)} MB`;

export async function diagnostics(now: State): Promise<string> {
  const { memory } = performance as {
    memory?: { usedJSHeapSize: number; jsHeapSizeLimit: number };
  };
  const { deviceMemory } = navigator as { deviceMemory?: number };
  const stored = await navigator.storage?.estimate().catch(() => undefined);
  const lines: [string, string][] = [
    ['Nevus', now.version],
    ['State', `${now.state}, ${now.language}`],
    ['Model', now.model ? `${now.model.name}, ${now.model.sha256}` : 'none'],
    ['Backend', now.backend ? `${now.backend.id} (${now.backend.reason})` : 'none'],
    ['Browser', navigator.userAgent],
    ['Languages', navigator.languages.join(', ')],
    ['WebGPU adapter', await adapter()],
    ['WebGL', webgl()],
    ['Processors', String(navigator.hardwareConcurrency)],
    ['Cross-origin isolated', String(crossOriginIsolated)],
    ['Device memory', deviceMemory === undefined ? 'unknown' : `${deviceMemory} GB`],
    [
      'JavaScript heap',
      `${megabytes(memory?.usedJSHeapSize)} of ${megabytes(memory?.jsHeapSizeLimit)}`,
    ],
    ['Stored', `${megabytes(stored?.usage)} of ${megabytes(stored?.quota)}`],
    ['Screen', `${innerWidth} x ${innerHeight} at ${devicePixelRatio}`],
    ['Frames drawn', String(now.frames ?? 'no canvas')],
    ['Service worker', now.offline],
    ['Photos', `${now.counts.all} (${now.counts.answered} answered, ${now.counts.failed} failed)`],
    [
      'Timings, ms',
      now.timings
        ? Object.entries(now.timings)
            .map(([name, value]) => `${name} ${Number(value).toFixed(1)}`)
            .join(', ')
        : 'none',
    ],
    [
      'Requests',
      `${now.requests.sinceLoad} since load, ${now.requests.sincePhoto} since the photo`,
    ],
  ];
  return `${lines.map(([name, value]) => `${name}: ${value}`).join('\n')}\n`;
}
