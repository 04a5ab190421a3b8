/**
 * Sizes of the bundles, and how long they take to load: `npm run sizes`. Fails when a function is larger than it may be, by the
 * metafile of the build and without the AWS SDK, which is Lambda's own.
 */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import type { Metafile } from 'esbuild';
import { bundle, BUNDLES, functionNames, METAFILE, ROOT } from '../build/bundle.js';

/** Minified bytes of one function at most. */
const FUNCTION_BYTES_MAX = 500 * 1024;
const LOADS = 5;

interface Row {
  readonly name: string;
  readonly bytes: number;
  readonly gzipBytes: number;
  readonly loadMs: number | undefined;
}

async function functionRows(): Promise<Row[]> {
  if (!existsSync(METAFILE)) throw new Error('the functions are not bundled: npm run build');
  const { outputs } = JSON.parse(readFileSync(METAFILE, 'utf8')) as Metafile;
  const rows: Row[] = [];
  for (const name of functionNames()) {
    const file = join(BUNDLES, name, 'index.mjs');
    const output = outputs[`dist/functions-bundles/${name}/index.mjs`];
    if (output === undefined) throw new Error(`the function ${name} is not bundled: npm run build`);
    const gzipBytes = gzipSync(readFileSync(file)).length;
    rows.push({ name, bytes: output.bytes, gzipBytes, loadMs: await loadMs(file) });
  }
  return rows;
}

/** What an application carries that bundles the client. */
async function clientRow(): Promise<Row> {
  const { outputFiles } = await bundle({ client: 'lib/client/index.ts' });
  const [file] = outputFiles;
  if (file === undefined) throw new Error('the client could not be bundled');
  const { length } = file.contents;
  return { name: 'client', bytes: length, gzipBytes: gzipSync(file.contents).length, loadMs: undefined };
}

/** Median of the module's load in a fresh process each, the AWS SDK included, the start of Node.js not. */
async function loadMs(file: string): Promise<number> {
  const url = JSON.stringify(pathToFileURL(file).href);
  const script = `const begun = performance.now(); await import(${url}); console.log(performance.now() - begun); process.exit(0)`;
  const samples: number[] = [];
  for (let load = 0; load < LOADS; load++) {
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
      cwd: ROOT,
    });
    samples.push(Number(stdout));
  }
  return samples.sort((a, b) => a - b)[Math.floor(LOADS / 2)] ?? NaN;
}

const kilobytes = (bytes: number) => `${(bytes / 1024).toFixed(0)} KB`.padStart(9);

const rows = [...(await functionRows()), await clientRow()];
console.log('bundle       minified  gzipped   load (median, with the AWS SDK)');
for (const { name, bytes, gzipBytes, loadMs: ms } of rows) {
  const load = ms === undefined ? '' : `${ms.toFixed(0)} ms`.padStart(9);
  console.log(`${name.padEnd(12)}${kilobytes(bytes)}${kilobytes(gzipBytes)}${load}`);
}
const large = rows.filter(({ name, bytes }) => name !== 'client' && bytes > FUNCTION_BYTES_MAX);
for (const { name, bytes } of large) {
  console.error(`${name} has ${bytes} bytes, more than the ${FUNCTION_BYTES_MAX} it may have`);
}
process.exitCode = large.length > 0 ? 1 : 0;
