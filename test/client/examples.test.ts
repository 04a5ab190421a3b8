/** Every `@example` of the client compiles as it stands, and runs. */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { compileFunction } from 'node:vm';
import ts from 'typescript';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { systemClock } from '../../lib/base/clock.js';
import { systemRandom } from '../../lib/base/random.js';
import * as zerokeeper from '../../lib/client/index.js';
import * as recipes from '../../lib/client/recipes/index.js';
import type { ConnectOptions, ZeroKeeperClient } from '../../lib/client/index.js';
import { SimulatedStore } from '../../lib/log/simulated-store.js';
import { gatewayTarget } from '../behaviour/support/gateway-target.js';
import { lambdaTarget } from '../behaviour/support/lambda-target.js';
import type { Target } from '../behaviour/support/target.js';

const ROOT = join(import.meta.dirname, '../..');

interface Example {
  readonly name: string;
  readonly code: string;
}

function examples(): Example[] {
  const folder = join(ROOT, 'lib/client');
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.ts'),
  );
  return files.flatMap((file) => examplesOf(file, readFileSync(join(folder, file), 'utf8')));
}

function examplesOf(file: string, source: string): Example[] {
  const found: Example[] = [];
  for (const comment of source.match(/\/\*\*[\s\S]*?\*\//g) ?? []) {
    if (!comment.includes('@example')) continue;
    const text = comment.replace(/^ *\* ?/gm, '');
    for (const [, code] of text.matchAll(/```ts\n([\s\S]*?)```/g)) {
      found.push({ name: `${file} ${found.length + 1}`, code: code ?? '' });
    }
  }
  return found;
}

const OPTIONS: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  lib: ['lib.es2023.d.ts', 'lib.esnext.disposable.d.ts'],
  types: ['node'],
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  skipLibCheck: true,
  noEmit: true,
  paths: {
    zerokeeper: [join(ROOT, 'lib/client/index.ts')],
    'zerokeeper/recipes': [join(ROOT, 'lib/client/recipes/index.ts')],
  },
};

/** What the compiler says about all of them, each as a file of its own beside the sources. */
function complaints(all: readonly Example[]): string[] {
  const files = new Map(all.map(({ code }, index) => [join(ROOT, `lib/example-${index}.ts`), code]));
  const host = ts.createCompilerHost(OPTIONS);
  const disk = ts.createCompilerHost(OPTIONS);
  host.fileExists = (path) => files.has(path) || disk.fileExists(path);
  host.readFile = (path) => files.get(path) ?? disk.readFile(path);
  const program = ts.createProgram([...files.keys()], OPTIONS, host);
  return [...files.keys()].flatMap((path) =>
    ts
      .getPreEmitDiagnostics(program, program.getSourceFile(path))
      .map((complaint) => `${path}: ${ts.flattenDiagnosticMessageText(complaint.messageText, '\n')}`),
  );
}

/** What deployments keep their namespaces in. */
const store = new SimulatedStore({ clock: systemClock, random: systemRandom });

/** Runs an example with `connect` led to servers in this process, below a chroot of its own. */
async function run({ code }: Example, connect: (options: ConnectOptions) => Promise<ZeroKeeperClient>) {
  const { outputText } = ts.transpileModule(code, { compilerOptions: { ...OPTIONS, noEmit: false } });
  const body = outputText.replace(
    /^import (\{[^}]*\}) from 'zerokeeper(?:\/recipes)?';$/gm,
    'const $1 = zerokeeper;',
  );
  const lines: unknown[][] = [];
  const execute = compileFunction(`return (async () => {\n${body.replace(/^export \{\};$/gm, '')}\n})();`, [
    'zerokeeper',
    'console',
  ]) as (module: object, console: object) => Promise<void>;
  const openNamespaces = () => zerokeeper.openNamespaces({ store });
  await execute(
    { ...zerokeeper, ...recipes, connect, openNamespaces },
    { log: (...values: unknown[]) => lines.push(values) },
  );
  return lines;
}

describe('the examples in the documentation', () => {
  const all = examples();
  const targets: Partial<Record<'tcp' | 'lambda' | 'direct', Target>> = {};

  beforeAll(async () => {
    targets.tcp = await gatewayTarget();
    targets.lambda = await lambdaTarget();
  });
  afterAll(async () => {
    await targets.tcp?.stop();
    await targets.lambda?.stop();
  });

  it('are found', () => {
    expect(all.length).toBeGreaterThanOrEqual(6);
  });

  it('compile', () => {
    expect(complaints(all)).toEqual([]);
  }, 60_000);

  it.each(all.map((example, index) => ({ ...example, index })))('run: $name', async (example) => {
    const chroot = `/example-${example.index}`;
    const connect = async ({ transport = 'lambda', session }: ConnectOptions) => {
      const target = targets[transport];
      if (target === undefined) throw new Error(`no server for ${transport}`);
      await using admin = await target.connect();
      if ((await admin.exists(chroot)) === undefined) await admin.create(chroot);
      return await target.connect(session === undefined ? { chroot } : { chroot, session: session as never });
    };
    const lines = await run(example, connect);
    if (example.code.includes('console.log(') && !example.code.includes('suspended')) {
      expect(lines.length).toBeGreaterThan(0);
    }
  });
});
