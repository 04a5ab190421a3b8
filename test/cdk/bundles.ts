import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, vi } from 'vitest';
import { FUNCTION_NAMES } from '../../cdk/constructs/functions.js';

// The first synthesis of a process loads most of the CDK: many seconds on a machine that is busy.
vi.setConfig({ testTimeout: 60_000 });

/** Bundles that take no build: the template does not depend on what is in them. */
export const BUNDLES = mkdtempSync(join(tmpdir(), 'zerokeeper-bundles-'));

for (const name of FUNCTION_NAMES) {
  mkdirSync(join(BUNDLES, name));
  writeFileSync(join(BUNDLES, name, 'index.mjs'), `export const handler = () => '${name}';\n`);
}

afterAll(() => rmSync(BUNDLES, { recursive: true }));
