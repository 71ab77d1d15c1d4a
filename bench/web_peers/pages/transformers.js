// Transformers.js with its own image processor. Not its pipeline(): that feeds `pixel_values`, and our
// network's input is called `image`; what it would call is called here.

import {
  AutoImageProcessor,
  AutoModelForImageClassification,
  env,
  RawImage,
} from './lib/transformers/transformers.min.js';
import { answerFiles } from './page.js';

env.allowRemoteModels = false;
env.allowLocalModels = true;
env.localModelPath = new URL('.', import.meta.url).pathname;
const at = (name) => new URL(`lib/transformers/${name}`, import.meta.url).href;
env.backends.onnx.wasm.numThreads = 1;
// The build that it loads by default.
env.backends.onnx.wasm.wasmPaths = {
  mjs: at('ort-wasm-simd-threaded.asyncify.mjs'),
  wasm: at('ort-wasm-simd-threaded.asyncify.wasm'),
};

async function load() {
  const [processor, model] = await Promise.all([
    AutoImageProcessor.from_pretrained('model'),
    AutoModelForImageClassification.from_pretrained('model', { dtype: 'fp32', device: 'wasm' }),
  ]);
  return async (file) => {
    const { pixel_values } = await processor(await RawImage.fromBlob(file));
    const { logits } = await model({ image: pixel_values });
    return logits.data;
  };
}

answerFiles(load());
