// What Lighthouse says of the site: performance, accessibility and best practices of the front page and
// of the app. Ends with 1 when a score is below 95.
//
//   node bench/lighthouse.mjs [--site build/site] [--out FILE.md]
//
// Needs a site (`nevus site`); installs Lighthouse into the cache. Chromium: NEVUS_CHROMIUM, else
// /usr/bin/chromium. `nevus`: NEVUS, else build/native/nevus.

import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { install } from './web_peers/packages.mjs';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const { values } = parseArgs({
  options: {
    site: { type: 'string', default: path.join(root, 'build/site') },
    out: { type: 'string' },
  },
});
const ENOUGH = 95;
const CATEGORIES = ['performance', 'accessibility', 'best-practices'];

const versions = { lighthouse: '12.8.2', 'chrome-launcher': '1.2.1' };
const installed = await install('lighthouse', versions);
const load = (name) =>
  import(pathToFileURL(createRequire(path.join(installed, 'any.js')).resolve(name)).href);
const { default: lighthouse, desktopConfig } = await load('lighthouse');
const { launch } = await load('chrome-launcher');

const server = spawn(
  process.env.NEVUS ?? path.join(root, 'build/native/nevus'),
  ['serve', values.site, '--port', '0'],
  { stdio: ['ignore', 'pipe', 'inherit'] },
);
process.on('exit', () => server.kill());
const url = await new Promise((resolve, reject) => {
  createInterface({ input: server.stdout }).on('line', (line) => {
    const address = /is at (http:\S+)/.exec(line);
    if (address) resolve(address[1]);
  });
  server.on('error', reject);
  server.on('close', (code) => reject(new Error(`nevus serve ended with ${code}`)));
});

/** As Lighthouse's report marks them (its report-utils.js). */
function failedAudits({ audits, categories }, category) {
  return categories[category].auditRefs
    .map(({ id }) => audits[id])
    .filter(({ scoreDisplayMode: mode, score }) =>
      mode === 'error'
        ? true
        : ['binary', 'numeric', 'metricSavings'].includes(mode) && score < 0.9,
    )
    .map(({ id }) => id);
}

const rows = [];
let agent = '';
let enough = true;
for (const where of ['', 'app/']) {
  for (const [device, config] of Object.entries({ desktop: desktopConfig, mobile: undefined })) {
    // A browser for each: what the first visit stores must not be there in the second.
    const chrome = await launch({
      chromePath: process.env.NEVUS_CHROMIUM ?? '/usr/bin/chromium',
      chromeFlags: ['--headless=new', '--no-sandbox'],
    });
    try {
      const { lhr } = await lighthouse(
        url + where,
        {
          port: chrome.port,
          onlyCategories: CATEGORIES,
          throttlingMethod: 'provided',
          logLevel: 'error',
        },
        config,
      );
      if (lhr.runtimeError) throw new Error(`/${where}: ${lhr.runtimeError.message}`);
      agent = lhr.environment.hostUserAgent;
      const scores = CATEGORIES.map((id) => Math.round(100 * (lhr.categories[id].score ?? 0)));
      enough &&= scores.every((score) => score >= ENOUGH);
      const failed = new Set(CATEGORIES.flatMap((id) => failedAudits(lhr, id)));
      rows.push([`/${where}`, device, ...scores, [...failed].join(', ') || 'none']);
    } finally {
      chrome.kill();
    }
  }
}

const report = `\
| page | preset | ${CATEGORIES.join(' | ')} | audits that failed |
| --- | --- | ${CATEGORIES.map(() => '---').join(' | ')} | --- |
${rows.map((row) => `| ${row.join(' | ')} |`).join('\n')}

Lighthouse ${versions.lighthouse}, its desktop and mobile presets with throttlingMethod 'provided': network and processor as
they are here, not slowed down. ${agent}
`;
console.log(report);
if (values.out) writeFileSync(values.out, report);
process.exit(enough ? 0 : 1);
