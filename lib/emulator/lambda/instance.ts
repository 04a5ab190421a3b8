import { Worker } from 'node:worker_threads';
import type { CancelTimer, Clock } from '../../base/clock.js';
import type { FromInstance, FunctionErrorBody, InstanceData, ToInstance } from './messages.js';

/** An instance that has not loaded its module by then is given up: Lambda's own limit. */
export const INIT_MS_MAX = 10_000;

/** What an instance is made of. */
export interface InstanceOptions {
  readonly clock: Clock;
  /** The program of {@link InstanceData}: `runtime.js`. */
  readonly runtime: URL;
  readonly module: URL;
  readonly handler: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly memoryMb: number;
  /** What its thread is niced by, where threads can be. */
  readonly niceness: number;
  /** What the function prints, on stdout and stderr. */
  readonly onOutput: (text: string) => void;
}

/** A request whose time begins when the instance has loaded its module. */
export type InstanceRequest = Omit<ToInstance, 'timeoutMs'>;

/** How a request ended. */
export type InstanceOutcome =
  { readonly ok: true; readonly payload: string } | { readonly ok: false; readonly error: FunctionErrorBody };

/**
 * One instance of a function: a thread with module state of its own that runs one request at a time. A thread and not a process,
 * because it takes half of the memory and of the time to start, and cannot outlive the emulator, however that ends.
 */
export class Instance {
  readonly #options: InstanceOptions;
  readonly #worker: Worker;
  readonly #given: Int32Array;
  readonly #ready: Promise<InstanceOutcome>;
  #settle: (outcome: InstanceOutcome) => void = () => undefined;
  #dead: FunctionErrorBody | undefined;
  /** Ends with the thread. */
  readonly exited: Promise<void>;

  constructor(options: InstanceOptions) {
    this.#options = options;
    const given = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
    this.#given = new Int32Array(given);
    const { module, handler, environment, memoryMb, niceness, onOutput } = options;
    this.#worker = new Worker(options.runtime, {
      workerData: { module: module.href, handler, given, niceness } satisfies InstanceData,
      env: { ...environment },
      execArgv: [],
      stdout: true,
      stderr: true,
      resourceLimits: { maxOldGenerationSizeMb: memoryMb },
    });
    for (const stream of [this.#worker.stdout, this.#worker.stderr]) {
      stream.setEncoding('utf8').on('data', onOutput);
    }
    this.exited = new Promise((resolve) => this.#worker.once('exit', () => resolve()));
    this.#ready = this.#next(INIT_MS_MAX, 'Runtime.InitTimeout');
    this.#worker.on('message', (message: FromInstance) => this.#heard(message));
    this.#worker.on('error', (error) => this.#died(error));
    this.#worker.once('exit', (code) =>
      this.#died({ name: 'Runtime.ExitError', message: `Runtime exited with error: exit status ${code}` }),
    );
  }

  /** False when it can take no request any more. */
  get usable(): boolean {
    return this.#dead === undefined;
  }

  /** Runs one request; not to be called before the one before has ended. An instance that runs out of time is ended. */
  async run(request: InstanceRequest, timeoutMs: number): Promise<InstanceOutcome> {
    const loaded = await this.#ready;
    if (!loaded.ok) return loaded;
    if (this.#dead !== undefined) return { ok: false, error: this.#dead };
    const ended = this.#next(timeoutMs, 'Sandbox.Timedout');
    this.#worker.postMessage({ ...request, timeoutMs } satisfies ToInstance);
    this.#wake();
    return await ended;
  }

  /** Ends the thread, whatever it does. */
  async stop(): Promise<void> {
    this.#died({ name: 'Runtime.ExitError', message: 'the instance was ended' });
    await this.#worker.terminate();
  }

  /** What it says next; ends it when it says nothing in time. */
  #next(limitMs: number, errorType: string): Promise<InstanceOutcome> {
    return new Promise((resolve) => {
      const seconds = (limitMs / 1000).toFixed(2);
      const cancel: CancelTimer = this.#options.clock.after(Math.max(0, limitMs), () => {
        this.#died({ name: errorType, message: `Task timed out after ${seconds} seconds` });
        void this.#worker.terminate();
      });
      this.#settle = (outcome) => {
        cancel();
        this.#settle = () => undefined;
        resolve(outcome);
      };
    });
  }

  #heard(message: FromInstance): void {
    if (message.type === 'ready') this.#settle({ ok: true, payload: '' });
    else if (message.type === 'returned') this.#settle({ ok: true, payload: message.payload });
    else if (message.type === 'threw') this.#settle({ ok: false, error: message.error });
    else {
      this.#dead = message.error;
      this.#settle({ ok: false, error: message.error });
      void this.#worker.terminate();
    }
  }

  /** The first reason is the one that is told. */
  #died({ name, message }: { name: string; message: string }): void {
    this.#dead ??= { errorType: name, errorMessage: message };
    this.#settle({ ok: false, error: this.#dead });
  }

  #wake(): void {
    Atomics.add(this.#given, 0, 1);
    Atomics.notify(this.#given, 0);
  }
}
