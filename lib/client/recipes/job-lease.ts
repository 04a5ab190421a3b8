import { BadVersionError, NodeExistsError, NoNodeError, type Stat, type ZeroKeeperClient } from '../index.js';
import { decodeJson } from './support/json.js';
import { newGuid } from './support/names.js';
import { checkInteger, RecipeContext, type RecipeOptions } from './support/recipe.js';

export interface JobLeaseOptions extends RecipeOptions {
  /** Written into the lease, for people who look: a host, a function's instance. */
  readonly holder?: string;
  /** How much the clocks of processes may differ: nobody takes a lease over before it has been over for that long. Default 5000. */
  readonly clockSkewMs?: number;
}

const CLOCK_SKEW_MS_DEFAULT = 5_000;

interface Record {
  readonly holder: string;
  readonly id: string;
  readonly untilMs: number;
}

/**
 * The right to do something for a while, without a session and without waiting: for jobs that must run once, wherever they are
 * started from.
 *
 * **Guarantees.** Among processes whose clocks differ by no more than `clockSkewMs`, one has the lease at a time. Each taking has
 * a higher `fencingToken`. It needs no session, so a Lambda function can hold it from one invocation to the next.
 *
 * **Failure modes.** It goes by the clocks of the machines, unlike the locks, which go by the server's: where they differ by more
 * than is allowed for, two may believe that they have it, and only the fencing token tells. A holder that dies keeps it until
 * its time is over. Over `tcp` and without a session, a call whose answer is lost rejects with `maybeApplied`; the lease
 * then frees itself in time.
 *
 * @example
 * ```ts
 * import { connect } from 'zerokeeper';
 * import { JobLease } from 'zerokeeper/recipes';
 *
 * const client = await connect({ transport: 'lambda', functionName: 'zerokeeper-api', session: false });
 * const lease = new JobLease(client, '/jobs/nightly', { holder: 'instance-1' });
 * const mine = await lease.take(60_000);
 * if (mine === undefined) console.log('somebody else does it');
 * else console.log('it is mine for a minute, with token', mine.fencingToken);
 * ```
 */
export class JobLease {
  readonly #context: RecipeContext;
  readonly #holder: string;
  readonly #clockSkewMs: number;

  constructor(client: ZeroKeeperClient, path: string, options: JobLeaseOptions = {}) {
    const { holder = '', clockSkewMs = CLOCK_SKEW_MS_DEFAULT } = options;
    checkInteger('clockSkewMs', clockSkewMs, 0);
    this.#context = new RecipeContext('JobLease', client, { ...options, path });
    this.#holder = holder;
    this.#clockSkewMs = clockSkewMs;
  }

  get path(): string {
    return this.#context.path;
  }

  /** The lease for so long, or undefined when somebody else has it. */
  async take(durationMs: number): Promise<JobHold | undefined> {
    checkInteger('durationMs', durationMs, 1);
    const { client } = this.#context;
    const present = await this.#read();
    const nowMs = client.clock.now();
    if (present !== undefined && nowMs < present.record.untilMs + this.#clockSkewMs) return undefined;
    const record = { holder: this.#holder, id: newGuid(client.random), untilMs: nowMs + durationMs };
    const stat = await this.#write(record, present?.stat);
    if (stat === undefined) return undefined;
    this.#context.report({ name: 'acquired' });
    return new JobHold(this.#context, { stat, record });
  }

  async #read(): Promise<{ readonly record: Record; readonly stat: Stat } | undefined> {
    const { client, path } = this.#context;
    try {
      const { data, stat } = await client.get(path, { consistency: 'linearizable' });
      return { record: decodeJson(data, { path, schema: toRecord }), stat };
    } catch (error) {
      if (error instanceof NoNodeError) return undefined;
      throw error;
    }
  }

  /** Undefined when somebody else was faster. */
  async #write(record: Record, present: Stat | undefined): Promise<Stat | undefined> {
    const { client, acl, path } = this.#context;
    try {
      if (present !== undefined) return await client.setJson(path, record, { version: present.version });
      return (await client.createJson(path, record, { ...acl, parents: true })).stat;
    } catch (error) {
      const isLate =
        error instanceof BadVersionError || error instanceof NodeExistsError || error instanceof NoNodeError;
      if (!isLate) throw error;
      return undefined;
    }
  }
}

function toRecord(value: unknown): Record {
  const { holder, id, untilMs } = value as Partial<Record>;
  if (typeof holder === 'string' && typeof id === 'string' && typeof untilMs === 'number') {
    return { holder, id, untilMs };
  }
  throw new TypeError('this is no lease');
}

/** A lease that was taken. It is not given back at the end of a block: a job that is done is not to be done again before its time is up. */
export class JobHold {
  /** The zxid at which it was taken or renewed: rises with each. */
  fencingToken: number;
  readonly #context: RecipeContext;
  #stat: Stat;
  #record: Record;

  /** @internal */
  constructor(context: RecipeContext, taken: { readonly stat: Stat; readonly record: Record }) {
    this.#context = context;
    this.#stat = taken.stat;
    this.#record = taken.record;
    this.fencingToken = taken.stat.mzxid;
  }

  /** For how many ms it is held, by this machine's clock; 0 when it is over. */
  get remainingMs(): number {
    return Math.max(0, this.#record.untilMs - this.#context.client.clock.now());
  }

  /** Holds it for so long from now. False when it is somebody else's by now, or nobody's. */
  async renew(durationMs: number): Promise<boolean> {
    checkInteger('durationMs', durationMs, 1);
    const untilMs = this.#context.client.clock.now() + durationMs;
    return this.#rewrite(untilMs);
  }

  /** Gives it back. False when it was somebody else's already. */
  async release(): Promise<boolean> {
    const isReleased = await this.#rewrite(0);
    if (isReleased) this.#context.report({ name: 'released' });
    return isReleased;
  }

  async #rewrite(untilMs: number): Promise<boolean> {
    const { client, path } = this.#context;
    const record = { ...this.#record, untilMs };
    try {
      this.#stat = await client.setJson(path, record, { version: this.#stat.version });
    } catch (error) {
      if (error instanceof BadVersionError || error instanceof NoNodeError) return false;
      throw error;
    }
    this.#record = record;
    this.fencingToken = this.#stat.mzxid;
    return true;
  }
}
