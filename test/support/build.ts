import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

export const ROOT = join(import.meta.dirname, '../..');

/** The program that `npm start` runs, once {@link build} has resolved. */
export const PROGRAM = join(ROOT, 'dist/lib/cli/main.js');

/**
 * Compiles the sources to `dist`, for tests that start the program as its users do: gateways are processes of their own, so
 * there has to be JavaScript on disk. Incremental; types are for `npm run typecheck` to judge, so only what keeps the
 * compiler from writing is an error here. Then bundles the functions. To be called in `beforeAll` of such a test, with some time.
 */
export async function build(): Promise<void> {
  const compiler = join(ROOT, 'node_modules/typescript/bin/tsc');
  const args = [compiler, '-p', join(ROOT, 'tsconfig.build.json'), '--noCheck'];
  await run(args);
  await run(['--import', 'tsx', join(ROOT, 'build/bundle.ts')]);
}

async function run(args: string[]): Promise<void> {
  await promisify(execFile)(process.execPath, args, { cwd: ROOT });
}
