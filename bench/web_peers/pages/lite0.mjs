// EfficientNet-Lite0 as a list of its convolutions (the shapes of native/nets/architecture.cpp), for
// TensorFlow.js: kernels in HWIO order. Both the page and whoever writes its weights file use it.

/** Repeats, kernel, stride, expansion, channels. */
const STAGES = [
  [1, 3, 1, 1, 16],
  [2, 3, 2, 6, 24],
  [2, 5, 2, 6, 40],
  [3, 3, 2, 6, 80],
  [3, 5, 1, 6, 112],
  [4, 5, 2, 6, 192],
  [1, 3, 1, 6, 320],
];
const STEM = 32;
const HEAD = 1280;

/** The last one is the classifier, on the pooled map. */
export function layers(classes) {
  const all = [{ shape: [3, 3, 3, STEM], strides: 2, activation: 'relu6' }];
  const pointwise = (from, to, activation) => ({ shape: [1, 1, from, to], strides: 1, activation });
  let channels = STEM;
  for (const [repeats, kernel, stride, expansion, out] of STAGES) {
    for (let repeat = 0; repeat < repeats; repeat += 1) {
      const inner = channels * expansion;
      const block = [
        ...(expansion > 1 ? [pointwise(channels, inner, 'relu6')] : []),
        {
          shape: [kernel, kernel, inner, 1],
          strides: repeat === 0 ? stride : 1,
          activation: 'relu6',
          depthwise: true,
        },
        { ...pointwise(inner, out, 'linear'), residual: repeat > 0 },
      ];
      block[0].first = true;
      all.push(...block);
      channels = out;
    }
  }
  all.push(pointwise(channels, HEAD, 'relu6'), { shape: [HEAD, classes], activation: 'linear' });
  return all;
}

export const kernelSize = ({ shape }) => shape.reduce((product, length) => product * length, 1);
export const biasSize = ({ shape, depthwise }) => shape.at(depthwise ? -2 : -1);

/** Kernel and bias of each layer, one after the other: any numbers that keep activations in range. */
export function randomWeights(classes) {
  // Park and Miller's minimal standard generator, 0 to 1.
  let state = 1;
  const random = () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
  const values = [];
  for (const layer of layers(classes)) {
    const inputs = kernelSize(layer) / biasSize(layer);
    const limit = Math.sqrt(6 / inputs);
    for (let i = kernelSize(layer); i > 0; i -= 1) values.push(limit * (2 * random() - 1));
    for (let i = biasSize(layer); i > 0; i -= 1) values.push(0.1 * (2 * random() - 1));
  }
  return Float32Array.from(values);
}
