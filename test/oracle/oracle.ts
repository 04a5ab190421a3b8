import { randomBytes } from 'node:crypto';

import { compare, type Comparison, type Difference } from './compare.js';
import { generate } from './generate.js';
import { play } from './play.js';
import { QUOTAS, type Program } from './program.js';
import { Xid } from '../../lib/wire/index.js';
import { WireClient } from '../gateway/support/wire-client.js';
import { shrink } from './shrink.js';
import type { Transcript } from './transcript.js';
import { SUPER_USER } from './values.js';

/** Of sessions that are no part of a program; a busy machine must not end them. */
const HELPER_TIMEOUT_MS = 40_000;

/** Two servers' ports, and how programs are run on both. */
export class Oracle {
  readonly #ports: { readonly zookeeper: number; readonly zerokeeper: number };
  /** Servers may have served an earlier oracle. */
  readonly #name = randomBytes(4).toString('hex');
  #runs = 0;

  constructor(ports: { readonly zookeeper: number; readonly zerokeeper: number }) {
    this.#ports = ports;
  }

  /** Runs a program on both, each time below a root that nobody has used, and compares. */
  async judge(program: Program): Promise<Comparison> {
    // Of one length, so that a program has the same size in every run; and with a parent of its own, whose counters it can move.
    const root = `/${this.#name}-${String((this.#runs += 1)).padStart(7, '0')}/root`;
    const [zookeeper, zerokeeper] = await Promise.all([
      this.#play(program, { port: this.#ports.zookeeper, root }),
      this.#play(program, { port: this.#ports.zerokeeper, root }),
    ]);
    return compare({ program, zookeeper, zerokeeper });
  }

  /** The smallest program that can be made of one and still shows a difference, with that; `undefined` if it shows none again. */
  async minimize(program: Program): Promise<{ program: Program; difference: Difference } | undefined> {
    let last: { program: Program; difference: Difference } | undefined;
    await shrink(program, async (smaller) => {
      const { difference } = await this.judge(smaller);
      if (difference !== undefined) last = { program: smaller, difference };
      return difference !== undefined;
    });
    return last;
  }

  /** Runs the programs of the seeds, so many at a time. */
  async *judgeAll(
    seeds: readonly number[],
    concurrency: number,
  ): AsyncGenerator<{ program: Program; comparison: Comparison }> {
    const running = new Map<number, Promise<{ program: Program; comparison: Comparison }>>();
    const waiting = [...seeds];
    for (;;) {
      while (running.size < concurrency) {
        const seed = waiting.shift();
        if (seed === undefined) break;
        const program = generate(seed);
        running.set(
          seed,
          this.judge(program).then((comparison) => ({ program, comparison })),
        );
      }
      if (running.size === 0) return;
      const done = await Promise.race(running.values());
      running.delete(done.program.seed);
      yield done;
    }
  }

  async #play(program: Program, at: { readonly port: number; readonly root: string }): Promise<Transcript> {
    await makeRoot(at);
    const withQuotas = JSON.stringify(program, asText).includes(QUOTAS);
    if (withQuotas) await makeZnodes(at.port, lineage(`/zookeeper/quota${at.root}`).slice(2));
    try {
      return await play(program, at);
    } finally {
      // As long as there is any quota, servers look for one at every write; programs without are to run without.
      if (withQuotas) await removeQuotas(at);
    }
  }
}

function asText(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}

/** A path's ancestors from the top down, and itself. */
function lineage(path: string): string[] {
  const names = path.slice(1).split('/');
  return names.map((_, index) => `/${names.slice(0, index + 1).join('/')}`);
}

async function makeRoot({ port, root }: { readonly port: number; readonly root: string }): Promise<void> {
  await makeZnodes(port, lineage(root));
}

async function makeZnodes(port: number, paths: readonly string[]): Promise<void> {
  const client = await WireClient.open(port, { timeoutMs: HELPER_TIMEOUT_MS });
  const acl = [{ perms: 31, scheme: 'world', id: 'anyone' }];
  for (const path of paths) {
    const { err } = await client.call('create', { path, data: new Uint8Array(0), acl, flags: 0 });
    if (err !== 0) throw new Error(`cannot create ${path}: ${err}`);
  }
  await client.call('closeSession', {});
  client.destroy();
}

/** What a program may have left behind of its quotas, whoever may delete it. */
async function removeQuotas({ port, root }: { readonly port: number; readonly root: string }): Promise<void> {
  const client = await WireClient.open(port, { timeoutMs: HELPER_TIMEOUT_MS });
  await client.call('auth', { type: 0, scheme: 'digest', auth: Buffer.from(SUPER_USER) }, Xid.auth);
  const paths = lineage(`/zookeeper/quota${root}`).slice(2, 3);
  for (const path of paths) {
    const { response } = await client.call('getChildren', { path, watch: false });
    for (const name of response?.children ?? []) paths.push(`${path}/${name}`);
  }
  for (const path of paths.toReversed()) await client.call('delete', { path, version: -1 });
  await client.call('closeSession', {});
  client.destroy();
}
