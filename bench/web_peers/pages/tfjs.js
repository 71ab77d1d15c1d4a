// TensorFlow.js with its WebAssembly backend. Convolution, bias and ReLU6 are one fused operation, as in
// a converted model; tf.layers would run them one by one. The weights are random: speed doesn't depend
// on them, and their file is as large as real ones.

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
  return async (file) => {
    const pixels = await centreSquare(file, side);
    const logits = tf.tidy(() =>
      run(tf.browser.fromPixels(pixels).toFloat().div(255).sub(mean).div(std).expandDims(0)),
    );
    const values = await logits.data();
    logits.dispose();
    return values;
  };
}

answerFiles(load());
