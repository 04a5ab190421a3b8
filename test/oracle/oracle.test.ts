import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { compare } from './compare.js';
import { explanationOf } from './explained.js';
import { generate } from './generate.js';
import type { Line } from './normalize.js';
import { Oracle } from './oracle.js';
import { play } from './play.js';
import type { Program, Step } from './program.js';
import { startZeroKeeper, type RunningServer } from './servers.js';
import { shrink } from './shrink.js';
import type { Entry, Observation, Transcript } from './transcript.js';
import { WireClient } from '../gateway/support/wire-client.js';

const OPEN = [{ perms: 31, scheme: 'world', id: 'anyone' }];
const node = (path: string, flags = 0) => ({ path, data: Buffer.from('x'), acl: OPEN, flags });

/** Has a reply with a Stat, one with children, an event of each of two kinds, a refusal and a session that comes back. */
const PROGRAM: Program = {
  seed: 0,
  steps: [
    { kind: 'open', session: 0, timeoutMs: 30_000, readOnly: false },
    { kind: 'open', session: 1, timeoutMs: 30_000, readOnly: false },
    { kind: 'send', session: 1, calls: [{ name: 'getChildren', body: { path: '~', watch: true } }] },
    { kind: 'send', session: 1, calls: [{ name: 'exists', body: { path: '~/a', watch: true } }] },
    { kind: 'send', session: 0, calls: [{ name: 'create2', body: node('~/a') }] },
    { kind: 'send', session: 0, calls: [{ name: 'create', body: node('~/e', 1) }] },
    { kind: 'send', session: 0, calls: [{ name: 'setData', body: { ...node('~/a'), version: 7 } }] },
    { kind: 'send', session: 0, calls: [{ name: 'setData', body: { ...node('~/a'), version: 0 } }] },
    { kind: 'send', session: 1, calls: [{ name: 'getChildren2', body: { path: '~', watch: false } }] },
    { kind: 'resume', session: 0, password: 'right', lastZxidSeen: 'seen', old: 'dropped' },
    { kind: 'send', session: 0, calls: [{ name: 'getData', body: { path: '~/e', watch: false } }] },
  ],
};

let server: RunningServer;
let transcript: Transcript;

beforeAll(async () => {
  server = await startZeroKeeper();
  const client = await WireClient.open(server.port);
  await client.call('create', node('/root'));
  client.destroy();
  transcript = await play(PROGRAM, { port: server.port, root: '/root' });
});

afterAll(() => server.stop());

/** The transcript with one thing changed. */
function planted(change: (entries: Entry[]) => Entry[]): Transcript {
  return { ...transcript, entries: change([...transcript.entries]) };
}

type Reply = Extract<Observation, { kind: 'reply' }>;

/** The transcript with another reply to the call of that name. */
function replying(name: string, change: (reply: Reply) => Observation): Transcript {
  let changed = 0;
  const other = planted((entries) =>
    entries.map((entry) => {
      if (entry.observation.kind !== 'reply' || entry.observation.name !== name) return entry;
      changed += 1;
      return { ...entry, observation: change(entry.observation) };
    }),
  );
  expect(changed).toBeGreaterThan(0);
  return other;
}

function withStat(reply: Reply, fields: Readonly<Record<string, unknown>>): Reply {
  const body = reply.body as { readonly stat: object };
  return { ...reply, body: { ...body, stat: { ...body.stat, ...fields } } };
}

function differenceWith(zerokeeper: Transcript) {
  return compare({ program: PROGRAM, zookeeper: transcript, zerokeeper }).difference;
}

describe('the comparison finds', () => {
  it('nothing in what is the same', () => {
    expect(differenceWith(transcript)).toBeUndefined();
  });

  it('another error code', () => {
    const other = replying('setData', (reply) => (reply.err === 0 ? reply : { ...reply, err: -101 }));
    expect(differenceWith(other)?.step).toBe(6);
  });

  it.each(['version', 'cversion', 'aversion', 'dataLength', 'numChildren'])('another %s', (field) => {
    expect(differenceWith(replying('getChildren2', (reply) => withStat(reply, { [field]: 99 })))?.step).toBe(
      8,
    );
  });

  it('a zxid that is not the one of the znode’s creation', () => {
    const create = transcript.entries.map(({ observation }) => observation);
    const made = create.find((one) => one.kind === 'reply' && one.name === 'create2') as Reply;
    const other = replying('getData', (reply) => withStat(reply, { czxid: made.zxid }));
    expect(differenceWith(other)).toMatchObject({ step: 10 });
  });

  it('a time that is not the one of its transaction', () => {
    const other = replying('getData', (reply) => withStat(reply, { mtime: 12_345 }));
    expect(differenceWith(other)?.zerokeeper).toContain('not of mzxid');
  });

  it('an owner that is another session', () => {
    const [, second = 0n] = transcript.sessions;
    const other = replying('getData', (reply) => withStat(reply, { ephemeralOwner: second }));
    expect(differenceWith(other)).toMatchObject({ step: 10 });
  });

  it('an event that is missing, doubled, late, or of another kind', () => {
    const at = transcript.entries.findIndex(({ observation }) => observation.kind === 'event');
    expect(at).toBeGreaterThan(0);
    const event = transcript.entries[at]!;
    expect(differenceWith(planted((entries) => entries.toSpliced(at, 1)))).toBeDefined();
    expect(differenceWith(planted((entries) => entries.toSpliced(at, 0, event)))).toBeDefined();
    const late = planted((entries) => [...entries.toSpliced(at, 1), event]);
    expect(differenceWith(late)).toBeDefined();
    const { observation } = event;
    if (observation.kind !== 'event') throw new Error('no event');
    const other = { ...event, observation: { ...observation, event: { ...observation.event, type: 2 } } };
    expect(differenceWith(planted((entries) => entries.with(at, other)))).toBeDefined();
  });

  it('a reply whose bytes are not what the values say', () => {
    const other = replying('getData', (reply) => ({ ...reply, body: { value: reply.body, bytes: '00' } }));
    expect(differenceWith(other)).toMatchObject({ step: 10 });
  });

  it('a header’s zxid that goes back behind what the session has seen', () => {
    const other = replying('getChildren2', (reply) => ({ ...reply, zxid: 1 }));
    expect(differenceWith(other)?.zerokeeper).toContain('from the past');
  });
});

describe('the comparison does not mind', () => {
  it('that a server’s zxids are others, as long as their order is the same', () => {
    const text = JSON.stringify(transcript, (key, value: unknown) => {
      if (typeof value === 'bigint') return `bigint ${value}`;
      if (value instanceof Uint8Array) return value;
      return key.endsWith('zxid') && typeof value === 'number' && value > 0 ? value * 3 + 1_000 : value;
    });
    const shifted = JSON.parse(text, (_, value: unknown) =>
      typeof value === 'string' && value.startsWith('bigint ') ? BigInt(value.slice(7)) : value,
    ) as Transcript;
    const same = (one: Transcript) => JSON.parse(JSON.stringify(one, bigintAsText)) as Transcript;
    expect(shifted.entries.length).toBe(transcript.entries.length);
    expect(same(shifted)).not.toEqual(same(transcript));
    expect(differenceWith(revived(shifted))).toBeUndefined();
  });

  it('in which order a server lists children', () => {
    const other = replying('getChildren2', (reply) => {
      const body = reply.body as { readonly children: readonly string[] };
      return { ...reply, body: { ...body, children: body.children.toReversed() } };
    });
    expect(differenceWith(other)).toBeUndefined();
  });
});

describe('a right that is still the old one for a moment', () => {
  const setAcl = { name: 'setAcl', body: { path: '~/a', acl: OPEN, version: -1 } } as const;
  const createIn = (path: string) => ({ name: 'create2', body: node(path) }) as const;
  const line = (err: number): Line => {
    const observation = { kind: 'reply', name: 'create2', xid: 2, zxid: 5, err, body: {} } as const;
    return { entry: { step: 0, session: 0, observation }, shape: '', full: '' };
  };
  const explained = (calls: Extract<Step, { kind: 'send' }>['calls'], [a, b]: [number, number]) => {
    const program: Program = { seed: 0, steps: [{ kind: 'send', session: 0, calls }] };
    return explanationOf({ program, theirs: line(a), ours: line(b) })?.name;
  };

  it('explains a write behind a setAcl of what it is checked against, and nothing else', () => {
    const name = 'A right that is still the old one for a moment';
    expect(explained([setAcl, createIn('~/a/b')], [0, -102])).toBe(name);
    expect(explained([setAcl, createIn('~/a/b')], [-102, 0])).toBe(name);
    expect(explained([setAcl, createIn('~/a/b')], [0, -101])).toBeUndefined();
    expect(explained([setAcl, createIn('~/b/b')], [0, -102])).toBeUndefined();
    expect(explained([createIn('~/a/b'), setAcl], [0, -102])).toBeUndefined();
  });

  it('explains a multi with such a write in it', () => {
    const name = 'A right that is still the old one for a moment';
    const multi = (path: string) => {
      const operations = [
        { name: 'check', request: { path: '~/c', version: -1 } },
        { name: 'create2', request: node(path) },
      ] as const;
      return { name: 'multi', body: { operations } } as const;
    };
    const reply = (...codes: number[]): Line => {
      const body = { results: codes.map((err) => ({ name: 'error', err })) };
      const observation = { kind: 'reply', name: 'multi', xid: 2, zxid: 5, err: 0, body } as const;
      return { entry: { step: 0, session: 0, observation }, shape: '', full: '' };
    };
    const found = (path: string, ...[theirs, ours]: [Line, Line]) => {
      const calls = [setAcl, multi(path)] as const;
      return explanationOf({
        program: { seed: 0, steps: [{ kind: 'send', session: 0, calls }] },
        theirs,
        ours,
      });
    };
    expect(found('~/a/b', reply(0, 0), reply(0, -102))?.name).toBe(name);
    expect(found('~/a/b', reply(0, -101), reply(-101, 0))).toBeUndefined();
    expect(found('~/b/b', reply(0, 0), reply(0, -102))).toBeUndefined();
  });
});

describe('a hard quota within one multi', () => {
  const program: Program = { seed: 0, steps: [] };
  const line = (...codes: number[]): Line => {
    const results = codes.map((err) => ({ name: 'error', err }));
    const observation = { kind: 'reply', name: 'multi', xid: 2, zxid: 5, err: 0, body: { results } } as const;
    return { entry: { step: 0, session: 0, observation }, shape: '', full: '' };
  };
  const explained = (a: number[], b: number[]) =>
    explanationOf({ program, theirs: line(...a), ours: line(...b) })?.name;

  it('explains a later operation that exceeds it on one side alone, and nothing else', () => {
    const name = 'A hard quota within one multi';
    expect(explained([0, 0], [0, -125])).toBe(name);
    expect(explained([0, -125], [0, -101])).toBe(name);
    expect(explained([0, 0], [-125, -2])).toBeUndefined();
    expect(explained([-125, -2], [0, 0])).toBeUndefined();
    expect(explained([0, 0], [0, -101])).toBeUndefined();
    expect(explained([0], [0, -125])).toBeUndefined();
  });
});

function bigintAsText(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}

/** Data as buffers again. */
function revived(from: Transcript): Transcript {
  const revive = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(revive);
    if (typeof value !== 'object' || value === null) return value;
    if ('type' in value && value.type === 'Buffer' && 'data' in value)
      return Buffer.from(value.data as number[]);
    return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, revive(field)]));
  };
  return revive(from) as Transcript;
}

describe('programs', () => {
  it('are the same for the same seed, and others for another', () => {
    expect(generate(7)).toEqual(generate(7));
    expect(generate(8).steps).not.toEqual(generate(7).steps);
  });

  it('are answered in the same way by another ZeroKeeper', async () => {
    const second = await startZeroKeeper();
    try {
      const oracle = new Oracle({ zookeeper: second.port, zerokeeper: server.port });
      const found: unknown[] = [];
      for await (const { comparison } of oracle.judgeAll([1, 2, 3, 4, 5], 2))
        found.push(comparison.difference);
      expect(found).toEqual(Array.from({ length: 5 }));
    } finally {
      await second.stop();
    }
  });

  it('shrink to the steps, calls and operations that a difference needs', async () => {
    const program = generate(11);
    const deletion = { name: 'delete', request: { path: '~/wanted', version: -1 } } as const;
    const check = { name: 'check', request: { path: '~/other', version: -1 } } as const;
    const multi = { name: 'multi', body: { operations: [check, deletion, check] } } as const;
    const step = { kind: 'send', session: 0, calls: [{ name: 'whoAmI', body: {} }, multi] } as const;
    const steps = program.steps.toSpliced(program.steps.length - 3, 0, step);
    const smallest = await shrink({ ...program, steps }, ({ steps: left }) =>
      Promise.resolve(JSON.stringify(left, bigintAsText).includes('~/wanted')),
    );
    expect(smallest.steps.map(({ kind }) => kind)).toEqual(['open', 'send']);
    expect(smallest.steps[1]).toMatchObject({ calls: [{ name: 'multi', body: { operations: [deletion] } }] });
  });
});
