/**
 * Bundles the Lambda functions: one ES module each, in dist/functions-bundles/NAME/index.mjs, as it is deployed and as the
 * emulator runs it. Everything is in it but the AWS SDK, which Lambda's runtime brings along. Run by `npm run build`.
 */
import { build, type Metafile, type Plugin } from 'esbuild';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = join(import.meta.dirname, '..');
export const BUNDLES = join(ROOT, 'dist/functions-bundles');

/** Where the sizes of the last build stand, as esbuild tells them. */
export const METAFILE = join(BUNDLES, 'metafile.json');

/** Packages that are written for CommonJS ask for Node's own modules by a `require` that an ES module does not have. */
const BANNER =
  "import{createRequire as zerokeeperRequire}from'node:module';const require=zerokeeperRequire(import.meta.url);";

/**
 * zod exports its messages in fifty languages as one object, of which nothing can be shaken off: 260 KB. English, the
 * default, is imported beside it and stays.
 */
const ONE_LANGUAGE: Plugin = {
  name: 'one language of zod',
  setup(bundler) {
    bundler.onLoad({ filter: /[\\/]zod[\\/]v4[\\/]locales[\\/]index\.js$/ }, () => ({
      contents: 'export {};',
    }));
  },
};

/** Every file of functions/ is a function. */
export function functionNames(): readonly string[] {
  return readdirSync(join(ROOT, 'functions'))
    .filter((name) => name.endsWith('.ts'))
    .map((name) => name.slice(0, -'.ts'.length))
    .sort();
}

/** Bundles in memory; paths are relative to {@link ROOT}. */
export async function bundle(entries: Readonly<Record<string, string>>) {
  return await build({
    absWorkingDir: ROOT,
    entryPoints: Object.entries(entries).map(([out, path]) => ({ in: path, out })),
    outdir: BUNDLES,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    minify: true,
    // Names of classes are names of errors, in answers and in logs.
    keepNames: true,
    format: 'esm',
    platform: 'node',
    // Lambda runs nodejs24.x; the emulator runs the same file on the oldest Node.js that is supported.
    target: 'node20',
    mainFields: ['module', 'main'],
    external: ['@aws-sdk/*'],
    banner: { js: BANNER },
    plugins: [ONE_LANGUAGE],
    legalComments: 'none',
    metafile: true,
    write: false,
    logLevel: 'warning',
  });
}

async function bundleFunctions(): Promise<void> {
  const names = functionNames();
  const entries = names.map((name) => [`${name}/index`, `functions/${name}.ts`] as const);
  const { outputFiles, metafile } = await bundle(Object.fromEntries(entries));
  for (const { path, contents } of outputFiles) replace(path, contents);
  replace(METAFILE, Buffer.from(JSON.stringify(metafile satisfies Metafile)));
}

/** In one step, so that whoever loads the file meanwhile sees the old one or the new one; not at all when it is the same. */
function replace(path: string, contents: Uint8Array): void {
  if (existsSync(path) && readFileSync(path).equals(contents)) return;
  mkdirSync(dirname(path), { recursive: true });
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, contents);
  renameSync(draft, path);
  process.stdout.write(`${relative(ROOT, path)}: ${contents.length} bytes\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await bundleFunctions();
