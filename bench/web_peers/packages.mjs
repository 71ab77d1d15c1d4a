// npm packages that only a measurement needs: outside the tree, each set in a folder named by its
// versions.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';

/**
 * @param packages exact version by name
 * @param prepare makes more of a folder that has just been installed
 * @return the folder; it is there whole or not at all
 */
export async function install(name, packages, prepare = async () => {}) {
  const cache = process.env.XDG_CACHE_HOME || path.join(homedir(), '.cache');
  const folder = path.join(cache, 'nevus', [name, ...Object.values(packages)].join('-'));
  if (existsSync(folder)) return folder;
  console.error(`installing ${Object.keys(packages).join(', ')} into ${folder}`);
  const unfinished = `${folder}.tmp`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { recursive: true });
  writeFileSync(
    path.join(unfinished, 'package.json'),
    JSON.stringify({ private: true, dependencies: packages }),
  );
  // No install scripts: some would download from outside the registry.
  execFileSync('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund'], {
    cwd: unfinished,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  await prepare(unfinished);
  renameSync(unfinished, folder);
  return folder;
}
