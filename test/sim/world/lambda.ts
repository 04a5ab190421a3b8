import { startFunction, type FunctionName, type Handler, type Surroundings } from './functions.js';
import { SimulatedFault, type Ground } from './ground.js';
import type { SimProcess } from './process.js';

const COLD_MS_MIN = 80;
const COLD_MS_MAX = 600;
const TIMEOUT_MS: Readonly<Record<FunctionName, number>> = {
  api: 20_000,
  materialize: 60_000,
  notify: 30_000,
  expire: 30_000,
  connect: 10_000,
};
/** Instances of one function. Beyond, calls are refused as Lambda does it. */
const INSTANCES_MAX = 300;
/** An asynchronous event that failed comes again so often, and after this long. */
const RETRIES = 2;
const RETRY_MS = 60_000;
/** One that was left in the middle of its work goes on after this long at most, ms. */
const ZOMBIE_MS_MAX = 120_000;

interface Instance {
  readonly process: SimProcess;
  readonly handler: Handler;
  /** Ends the invocation that runs on it, if there is one. */
  fail: ((reason: string) => void) | undefined;
}

export type InvokeOutcome =
  { readonly ok: true; readonly answer: unknown } | { readonly ok: false; readonly functionError: string };

/** Lambda: an instance runs one invocation at a time, and is frozen between them, for however long. */
export class SimLambda {
  readonly #ground: Ground;
  readonly #around: () => Surroundings;
  readonly #instances = new Map<FunctionName, Instance[]>();
  #requests = 0;

  constructor(ground: Ground, around: () => Surroundings) {
    this.#ground = ground;
    this.#around = around;
  }

  /** Every instance's process, to meddle with. */
  processes(): SimProcess[] {
    return [...this.#instances.values()].flat().map(({ process }) => process);
  }

  /** Runs it, now. Rejects when there is no room. */
  invoke(name: FunctionName, event: unknown): Promise<InvokeOutcome> {
    const { scheduler } = this.#ground;
    const instance = this.#pick(name);
    if (instance === undefined) return Promise.reject(new SimulatedFault('too many instances'));
    const { process } = instance;
    const requestId = `request-${++this.#requests}`;
    return new Promise((resolve) => {
      let settled = false;
      const cancelTimeout = scheduler.after(this.#timeoutMs(name), () => {
        finish({ ok: false, functionError: 'Sandbox.Timedout' });
        this.#outOfTime(name, instance);
      });
      const finish = (outcome: InvokeOutcome) => {
        if (settled) return;
        settled = true;
        cancelTimeout();
        instance.fail = undefined;
        process.freeze();
        resolve(outcome);
      };
      instance.fail = (reason) => finish({ ok: false, functionError: reason });
      const coldMs = instance.process.isRunning ? this.#ground.dice.between(COLD_MS_MIN, COLD_MS_MAX) : 0;
      process.thaw();
      const endMs = scheduler.nowMs + TIMEOUT_MS[name];
      process.after(coldMs, () => {
        // Nobody runs what has been given up.
        if (settled) return;
        const context = {
          awsRequestId: requestId,
          getRemainingTimeInMillis: () => Math.max(0, endMs - scheduler.nowMs),
        };
        instance.handler(event, context).then(
          (answer) => finish({ ok: true, answer }),
          (error: unknown) => {
            this.#ground.thrown(`${process.name} threw`, error);
            finish({ ok: false, functionError: 'Unhandled' });
          },
        );
      });
    });
  }

  /** An asynchronous event: run some time, again when it fails, and now and then twice. */
  invokeLater(name: FunctionName, event: object, attempt = 0): void {
    const { scheduler, dice, fires } = this.#ground;
    scheduler.after(dice.between(10, 80), () => {
      const again = () => {
        if (attempt < RETRIES) scheduler.after(RETRY_MS, () => this.invokeLater(name, event, attempt + 1));
      };
      this.invoke(name, event).then((outcome) => {
        if (!outcome.ok) again();
      }, again);
    });
    if (attempt < RETRIES && fires('invokeTwice', 0.05)) this.invokeLater(name, event, RETRIES);
  }

  /** The instance ends in the middle of whatever it does. */
  kill(process: SimProcess): void {
    for (const [name, instances] of this.#instances) {
      const instance = instances.find((one) => one.process === process);
      if (instance === undefined) continue;
      instance.fail?.('Runtime.ExitError');
      this.#drop(name, instance);
    }
  }

  /** All that is warm and idle is gone. */
  retireIdle(): void {
    for (const [name, instances] of this.#instances) {
      for (const instance of [...instances]) if (instance.fail === undefined) this.#drop(name, instance);
    }
  }

  /** Lambda stops an instance whose invocation ran out of time. A worse one would let it go on some day. */
  #outOfTime(name: FunctionName, instance: Instance): void {
    const { scheduler, dice, fires } = this.#ground;
    if (!fires('freeze', 0.5)) {
      this.#drop(name, instance);
      return;
    }
    this.#remove(name, instance);
    scheduler.after(dice.between(10, ZOMBIE_MS_MAX), () => instance.process.thaw());
  }

  #timeoutMs(name: FunctionName): number {
    const { dice, fires } = this.#ground;
    return fires('functionTimeout', 0.02) ? dice.between(1, 1_500) : TIMEOUT_MS[name];
  }

  #pick(name: FunctionName): Instance | undefined {
    const { dice, fires } = this.#ground;
    const instances = this.#instances.get(name) ?? [];
    this.#instances.set(name, instances);
    const idle = instances.filter(({ fail }) => fail === undefined);
    if (idle.length > 0 && !fires('coldStart', 0.05)) return dice.pick(idle);
    if (instances.length >= INSTANCES_MAX) return idle[0];
    const process = this.#ground.process(name);
    const handler = startFunction(this.#ground, name, { process, around: this.#around() });
    const instance: Instance = { process, handler, fail: undefined };
    instances.push(instance);
    return instance;
  }

  #drop(name: FunctionName, instance: Instance): void {
    instance.process.kill();
    this.#remove(name, instance);
  }

  #remove(name: FunctionName, instance: Instance): void {
    const instances = this.#instances.get(name) ?? [];
    const at = instances.indexOf(instance);
    if (at >= 0) instances.splice(at, 1);
  }
}
