// ONNX Runtime Web by itself.

import * as ort from './lib/onnxruntime/ort.wasm.bundle.min.mjs';
import { answerFiles, centreSquare, inputSpec } from './page.js';

ort.env.wasm.numThreads = 1;
ort.env.wasm.wasmPaths = {
  wasm: new URL('lib/onnxruntime/ort-wasm-simd-threaded.wasm', import.meta.url).href,
};

async function load() {
  const [{ side, mean, std }, session] = await Promise.all([
    inputSpec(),
    ort.InferenceSession.create('model/onnx/model.onnx', { executionProviders: ['wasm'] }),
  ]);
  const [input] = session.inputNames;
  const area = side * side;
  return async (file) => {
    const { data } = await centreSquare(file, side);
    const image = new Float32Array(3 * area);
    for (let c = 0; c < 3; c += 1)
      for (let i = 0; i < area; i += 1)
        image[c * area + i] = (data[4 * i + c] / 255 - mean[c]) / std[c];
    const tensor = new ort.Tensor('float32', image, [1, 3, side, side]);
    const { logits } = await session.run({ [input]: tensor });
    return logits.data;
  };
}

answerFiles(load());
