import { randomBytes } from 'node:crypto';

import { compare, type Comparison, type Difference } from './compare.js';
import { generate } from './generate.js';
import { play } from './play.js';
import type { Program } from './program.js';
import { WireClient } from '../gateway/support/wire-client.js';
import { shrink } from './shrink.js';
import type { Transcript } from './transcript.js';

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
    return play(program, at);
  }
}

async function makeRoot({ port, root }: { readonly port: number; readonly root: string }): Promise<void> {
  const client = await WireClient.open(port);
  const acl = [{ perms: 31, scheme: 'world', id: 'anyone' }];
  for (const path of [root.slice(0, root.lastIndexOf('/')), root]) {
    const { err } = await client.call('create', { path, data: new Uint8Array(0), acl, flags: 0 });
    if (err !== 0) throw new Error(`cannot create ${path}: ${err}`);
  }
  await client.call('closeSession', {});
  client.destroy();
}
