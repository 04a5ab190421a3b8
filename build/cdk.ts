/**
 * Compiles the constructs to dist/cdk, for `zerokeeper/cdk`. Run by `npm run build`, and apart from the rest: it loads the types of the
 * whole CDK, which `npm start` should not wait for. So nothing happens while the sources are those of the last time.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ROOT } from './bundle.js';

/** Says what dist/cdk was made of. */
const STAMP = join(ROOT, 'dist/.cdk-inputs');

/** What the constructs import, and what says how they are compiled. */
const SOURCES = ['cdk', 'lib/base', 'lib/core', 'lib/log', 'lib/keeper', 'build'];
const FILES = ['tsconfig.json', 'tsconfig.build.json', 'tsconfig.cdk.json', 'package-lock.json'];

function inputs(): string {
  const hash = createHash('sha256');
  const found = SOURCES.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name)),
  );
  const sources = found.filter((name) => name.endsWith('.ts')).sort();
  for (const name of [...sources, ...FILES]) hash.update(`${name}\0`).update(readFileSync(join(ROOT, name)));
  return hash.digest('hex');
}

function compile(): void {
  const compiler = join(ROOT, 'node_modules/typescript/bin/tsc');
  execFileSync(process.execPath, [compiler, '-p', join(ROOT, 'tsconfig.cdk.json')], { stdio: 'inherit' });
}

function buildConstructs(): void {
  const now = inputs();
  const isBuilt = existsSync(STAMP) && existsSync(join(ROOT, 'dist/cdk/index.js'));
  if (isBuilt && readFileSync(STAMP, 'utf8') === now) return;
  compile();
  mkdirSync(dirname(STAMP), { recursive: true });
  writeFileSync(STAMP, now);
  process.stdout.write('dist/cdk: compiled\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) buildConstructs();
