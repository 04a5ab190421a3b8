/**
 * Compiles the constructs to dist/cdk, for `zerokeeper/cdk`, and writes what the emulator takes from their template to
 * dist/deployment.json. Run by `npm run build`, and apart from the rest: it loads the whole CDK and its types, which `npm start`
 * should not wait for. So nothing happens while the sources are those of the last time.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ROOT } from './bundle.js';

/** What the emulator takes from the template. */
export const SETTINGS = join(ROOT, 'dist/deployment.json');

/** Says what dist/cdk was made of. */
const STAMP = join(ROOT, 'dist/.cdk-inputs');

/** What the constructs import, what reads their template, and what says how they are compiled. */
const SOURCES = ['cdk', 'lib/base', 'lib/core', 'lib/log', 'lib/keeper', 'build'];
const FILES = [
  ...['lib/emulator/template.ts', 'lib/emulator/event-pattern.ts', 'lib/emulator/deployment.ts'],
  ...['tsconfig.json', 'tsconfig.build.json', 'tsconfig.cdk.json', 'package-lock.json'],
];

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

/** Loads the CDK only when it is needed: that takes seconds. */
async function writeSettings(): Promise<void> {
  const { deploymentOf, synthesize } = await import('./deployment.js');
  const draft = `${SETTINGS}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify(deploymentOf(synthesize()), undefined, 2)}\n`);
  renameSync(draft, SETTINGS);
}

async function buildConstructs(): Promise<void> {
  const now = inputs();
  const isBuilt = [STAMP, SETTINGS, join(ROOT, 'dist/cdk/index.js')].every((file) => existsSync(file));
  if (isBuilt && readFileSync(STAMP, 'utf8') === now) return;
  compile();
  mkdirSync(dirname(STAMP), { recursive: true });
  await writeSettings();
  writeFileSync(STAMP, now);
  process.stdout.write('dist/cdk: compiled; dist/deployment.json: written\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await buildConstructs();
