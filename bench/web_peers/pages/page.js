// What the peers' pages share. They show their state by the names that the page of Nevus uses, so
// that all are measured alike.

const app = document.querySelector('#app');
const result = document.querySelector('#result');

/** Size, mean and deviation of the network's input, from the model's own folder. */
export async function inputSpec() {
  const { crop_size, image_mean, image_std } = await (
    await fetch('model/preprocessor_config.json')
  ).json();
  return { side: crop_size.width, mean: image_mean, std: image_std };
}

/** The photo's centre square on a canvas of that size: resized as the canvas does it. */
export async function centreSquare(file, side) {
  const bitmap = await createImageBitmap(file);
  const { width, height } = bitmap;
  const edge = Math.min(width, height);
  const canvas = new OffscreenCanvas(side, side);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  context.drawImage(bitmap, (width - edge) / 2, (height - edge) / 2, edge, edge, 0, 0, side, side);
  bitmap.close();
  return context.getImageData(0, 0, side, side);
}

/** Answers each file that is chosen. @param loading a promise of: file → logits */
export function answerFiles(loading) {
  const failed = (error) => {
    result.textContent = String(error);
    app.dataset.state = 'failed';
  };
  loading.then(() => {
    if (app.dataset.state === 'loading') app.dataset.state = 'ready';
  }, failed);
  document.querySelector('#file-input').addEventListener('change', async ({ target }) => {
    const [file] = target.files;
    app.dataset.state = 'analysing';
    try {
      const logits = [...(await (await loading)(file))];
      const powers = logits.map((logit) => Math.exp(logit - Math.max(...logits)));
      const sum = powers.reduce((all, power) => all + power, 0);
      if (!Number.isFinite(sum)) throw new Error('the network gave no numbers');
      result.textContent = powers
        .map((power) => `${((100 * power) / sum).toFixed(1)} %`)
        .join(', ');
      result.dataset.file = file.name;
      app.dataset.state = 'answered';
    } catch (error) {
      failed(error);
    }
  });
}
