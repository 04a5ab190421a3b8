import { Code } from 'aws-cdk-lib/aws-lambda';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ZeroKeeperConstructError } from './errors.js';

/** Beside the sources, and beside the compiled sources. */
const PLACES = ['../../dist/functions-bundles', '../../functions-bundles'].map((place) =>
  join(import.meta.dirname, place),
);

/**
 * The code of a function, as `npm run build` bundled it: nothing is bundled while a stack is synthesized, so that takes neither
 * Docker nor esbuild. Throws {@link ZeroKeeperConstructError} `BundleMissing`.
 */
export function bundleOf(name: string, directory?: string): Code {
  const places = directory === undefined ? PLACES : [directory];
  const found = places
    .map((place) => join(place, name))
    .find((place) => existsSync(join(place, 'index.mjs')));
  if (found !== undefined) return Code.fromAsset(found);
  const expected = places.map((place) => join(place, name, 'index.mjs')).join(' nor ');
  throw new ZeroKeeperConstructError(
    'BundleMissing',
    `the function ${name} has not been built: there is no ${expected}; run npm run build`,
  );
}
