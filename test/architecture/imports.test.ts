import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type SourceText, violations } from './rules.js';

const ROOT = join(import.meta.dirname, '../..');
const FOLDERS = ['lib', 'functions', 'cdk'];

function sources(): SourceText[] {
  return FOLDERS.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
      .map((name) => `${folder}/${name.replaceAll('\\', '/')}`)
      .filter((path) => path.endsWith('.ts'))
      .map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') })),
  );
}

/** The violations of files that are given by their path and text. */
function of(files: Readonly<Record<string, string>>): readonly string[] {
  return violations(Object.entries(files).map(([path, text]) => ({ path, text })));
}

describe('the sources of this project', () => {
  it('keep to the layers, and leave sockets, AWS clients, time and chance where they belong', () => {
    const files = sources();
    expect(files.map((file) => file.path)).toContain('lib/core/types.ts');
    expect(violations(files)).toEqual([]);
  });
});

describe('the check itself', () => {
  it('accepts imports downwards, of the own layer and of packages', () => {
    expect(
      of({
        'lib/keeper/keeper.ts': `import { a } from '../log/store.js'; import { b } from './view.js';`,
        'lib/keeper/view.ts': `import type { Acl } from '../core/types.js'; export { assert } from '../base/assert.js';`,
        'lib/emulator/run.ts': `import net from 'node:net'; import { S } from '@aws-sdk/client-dynamodb';`,
        'lib/gateway/server.ts': `import { createServer } from 'node:net'; import { createHash } from 'node:crypto';`,
        'lib/log/dynamo-store.ts': `import { S } from '@aws-sdk/client-dynamodb';`,
        'lib/base/clock.ts': `export const now = () => Date.now() + performance.now(); setTimeout(now, 1);`,
        'lib/client/options.ts': `import type { ConnectionOptions } from 'node:tls';`,
        'functions/api.ts': `import { k } from '../lib/keeper/keeper.js';`,
        'cdk/tables.ts': `import { TABLES } from '../lib/log/tables.js';`,
        'lib/gateway/admin.ts': `new Date(5).toISOString(); const o = { setTimeout: 1 }; o.setTimeout; clock.now();`,
      }),
    ).toEqual([]);
  });

  const samples: readonly (readonly [what: string, path: string, text: string, message: string])[] = [
    [
      'an upward import',
      'lib/core/a.ts',
      `import { k } from '../keeper/keeper.js';`,
      'must not import lib/keeper',
    ],
    [
      'an upward import of a type',
      'lib/log/a.ts',
      `import type { K } from '../keeper/types.js';`,
      'lib/keeper',
    ],
    ['an upward export', 'lib/base/a.ts', `export * from '../core/types.js';`, 'must not import lib/core'],
    ['an upward import() of a module', 'lib/wire/a.ts', `await import('../keeper/keeper.js');`, 'lib/keeper'],
    [
      'an upward import() of a type',
      'lib/wire/a.ts',
      `let k: import('../keeper/keeper.js').K;`,
      'lib/keeper',
    ],
    ['a sideways import', 'lib/wire/a.ts', `import { s } from '../log/store.js';`, 'must not import lib/log'],
    ['a gateway that knows the emulator', 'lib/gateway/a.ts', `import '../emulator/run.js';`, 'lib/emulator'],
    ['a library that knows a function', 'lib/keeper/a.ts', `import '../../functions/api.js';`, 'functions'],
    ['production code that knows a test', 'lib/keeper/a.ts', `import '../../test/support/x.js';`, 'test'],
    ['a folder that is no layer', 'lib/helpers/a.ts', `import '../base/assert.js';`, 'no layer'],
    [
      'an AWS client in the keeper',
      'lib/keeper/a.ts',
      `import { S } from '@aws-sdk/client-dynamodb';`,
      '@aws-sdk',
    ],
    [
      'an AWS client in the log',
      'lib/log/store.ts',
      `import type { S } from '@aws-sdk/client-sqs';`,
      '@aws-sdk',
    ],
    [
      'a recipe that reaches behind the interface',
      'lib/client/recipes/a.ts',
      `import { b } from '../transport.js';`,
      'a recipe must not import lib/client/transport.ts',
    ],
    [
      'a recipe with a helper of others',
      'lib/client/recipes/support/a.ts',
      `import '../../../base/assert.js';`,
      'recipe',
    ],
    ['a socket in the keeper', 'lib/keeper/a.ts', `import net from 'node:net';`, 'sockets'],
    ['a socket by its old name', 'lib/wire/a.ts', `import { connect } from 'tls';`, 'sockets'],
    ['Date.now', 'lib/keeper/a.ts', `const time = Date.now();`, 'Date.now'],
    ['Date.now that is handed on', 'lib/keeper/a.ts', `const clock = { now: Date.now };`, 'Date.now'],
    ['the time of day', 'lib/gateway/a.ts', `log(new Date());`, 'new Date()'],
    ['Math.random', 'lib/core/a.ts', `const jitter = Math.random();`, 'Math.random'],
    ['setTimeout', 'lib/gateway/a.ts', `setTimeout(() => {}, 5);`, 'setTimeout'],
    ['setTimeout that is handed on', 'lib/gateway/a.ts', `const timer = setTimeout;`, 'setTimeout'],
    ['setInterval', 'lib/emulator/a.ts', `setInterval(() => {}, 5);`, 'setInterval'],
    ['performance.now', 'lib/keeper/a.ts', `const start = performance.now();`, 'performance.now'],
    ['random bytes', 'lib/log/a.ts', `import { randomBytes } from 'node:crypto';`, 'randomBytes of crypto'],
    [
      'random bytes under another name',
      'lib/log/a.ts',
      `import { randomBytes as r } from 'crypto';`,
      'randomBytes',
    ],
    ['all of crypto', 'lib/log/a.ts', `import * as crypto from 'node:crypto';`, 'all of crypto'],
    [
      'timers that promise',
      'lib/client/a.ts',
      `import { setTimeout as s } from 'node:timers/promises';`,
      'setTimeout of',
    ],
    [
      'an async function in the core',
      'lib/core/a.ts',
      `export const f = async () => 1;`,
      'nothing in the core waits',
    ],
    ['a promise in the core', 'lib/core/a.ts', `export let f: Promise<void>;`, 'nothing in the core waits'],
  ];

  it.each(samples.map(([what, path, text, message]) => ({ what, path, text, message })))(
    'refuses $what',
    (sample) => {
      const { path, text, message } = sample;
      const found = of({ [path]: text });
      expect(found).toHaveLength(1);
      expect(found[0]).toContain(`${path}:1: `);
      expect(found[0]).toContain(message);
    },
  );

  it('refuses files that import each other, however long the way round', () => {
    const found = of({
      'lib/keeper/a.ts': `import { b } from './b.js';`,
      'lib/keeper/b.ts': `import { c } from './c.js';`,
      'lib/keeper/c.ts': `export { a } from './a.js';`,
    });
    expect(found).toEqual([
      'lib/keeper/a.ts: circular import: lib/keeper/a.ts -> lib/keeper/b.ts -> lib/keeper/c.ts -> lib/keeper/a.ts',
    ]);
  });

  it('lets types refer to each other, for they are gone at run time', () => {
    expect(
      of({
        'lib/keeper/a.ts': `import { b } from './b.js';`,
        'lib/keeper/b.ts': `import type { A } from './a.js';`,
      }),
    ).toEqual([]);
    expect(
      of({
        'lib/keeper/a.ts': `import { b } from './b.js';`,
        'lib/keeper/b.ts': `import { type A } from './a.js';`,
      }),
    ).toHaveLength(1);
  });
});
