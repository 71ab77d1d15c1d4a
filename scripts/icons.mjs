// assets/icons/*.png, made anew from icon.svg in a real Chromium. Run it after changing the drawing.
//
//   node scripts/icons.mjs     needs the web preset's set-up; Chromium: NEVUS_CHROMIUM, else /usr/bin/chromium

import { readFile, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const { chromium } = createRequire(path.join(root, 'web/node_modules/any.js'))('playwright-core');
const folder = path.join(root, 'assets/icons');

const drawing = await readFile(path.join(folder, 'icon.svg'), 'utf8');
// What a system cuts to its own shape must fill the square; the drawing lies within the circle of 80 %
// that stays visible (Web Application Manifest, "maskable").
const square = drawing.replace(' rx="14"', '');
const icons = [
  ['icon-192.png', 192, drawing],
  ['icon-512.png', 512, drawing],
  ['icon-maskable-512.png', 512, square],
  ['icon-180.png', 180, square],
];

const browser = await chromium.launch({
  executablePath: process.env.NEVUS_CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox'],
});
const page = await browser.newPage();
for (const [name, side, svg] of icons) {
  await page.setViewportSize({ width: side, height: side });
  await page.setContent(
    `<style>body{margin:0}svg{display:block;width:${side}px;height:${side}px}</style>${svg}`,
  );
  await writeFile(path.join(folder, name), await page.screenshot({ omitBackground: true }));
}
await browser.close();
