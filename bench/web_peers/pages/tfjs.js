// TensorFlow.js with its WebAssembly backend. Convolution, bias and ReLU6 are one fused operation, as in
// a converted model; tf.layers would run them one by one. The weights are random: speed doesn't depend
// on them, and their file is as large as real ones.
// The photo becomes a tensor and is resized by the library, as its own packages do it (mobilenet:
// fromPixels, resizeBilinear); with ?canvas the canvas resizes it, and the library sees the small square.

import { biasSize, kernelSize, layers } from './lite0.mjs';
import { answerFiles, centreSquare, inputSpec } from './page.js';

const { tf } = globalThis;

async function network() {
  const [response, config] = await Promise.all([
    fetch('model/weights.bin'),
    fetch('model/config.json').then((answer) => answer.json()),
  ]);
  const values = new Float32Array(await response.arrayBuffer());
  let at = 0;
  const take = (count, shape) => tf.tensor(values.subarray(at, (at += count)), shape);
  const all = layers(Object.keys(config.id2label).length).map((layer) => ({
    ...layer,
    filter: take(kernelSize(layer), layer.shape),
    bias: take(biasSize(layer), [biasSize(layer)]),
  }));
  const classifier = all.pop();
  return (image) => {
    let x = image;
    let shortcut;
    for (const { first, residual, depthwise, filter, bias, strides, activation } of all) {
      if (first) shortcut = x;
      const convolve = depthwise ? tf.fused.depthwiseConv2d : tf.fused.conv2d;
      x = convolve({ x, filter, bias, strides, pad: 'same', activation });
      if (residual) x = tf.add(x, shortcut);
    }
    return tf.fused.matMul({ a: x.mean([1, 2]), b: classifier.filter, bias: classifier.bias });
  };
}

async function load() {
  tf.wasm.setWasmPaths(new URL('lib/tfjs/', import.meta.url).href);
  tf.wasm.setThreadsCount(1);
  const [{ side, mean, std }] = await Promise.all([inputSpec(), tf.setBackend('wasm')]);
  const run = await network();
  const byCanvas = new URLSearchParams(location.search).has('canvas');
  const squareOf = (bitmap) => {
    const { width, height } = bitmap;
    const edge = Math.min(width, height);
    const from = [(height - edge) >> 1, (width - edge) >> 1, 0];
    const square = tf.browser.fromPixels(bitmap).slice(from, [edge, edge, 3]);
    return tf.image.resizeBilinear(square, [side, side]);
  };
  return async (file) => {
    const pixels = byCanvas ? await centreSquare(file, side) : await createImageBitmap(file);
    const logits = tf.tidy(() => {
      const square = byCanvas ? tf.browser.fromPixels(pixels) : squareOf(pixels);
      return run(square.toFloat().div(255).sub(mean).div(std).expandDims(0));
    });
    if (!byCanvas) pixels.close();
    const values = await logits.data();
    logits.dispose();
    return values;
  };
}

answerFiles(load());
