import type { CancelTimer, Clock } from '../../lib/base/clock.js';

interface Timer {
  readonly dueMs: number;
  readonly order: number;
  fire: (() => void) | undefined;
}

/**
 * Time that passes as fast as the work of each moment is done: what takes hours in the cloud takes minutes here, and comes out
 * the same each time. Timers fire in order of their due time, then of their setting. A heap, because there are many.
 */
export class VirtualClock implements Clock {
  readonly #startMs = 1_700_000_000_000;
  readonly #heap: Timer[] = [];
  #nowMs = 0;
  #order = 0;

  now(): number {
    return this.#startMs + this.#nowMs;
  }

  monotonic(): number {
    return this.#nowMs;
  }

  after(delayMs: number, fire: () => void): CancelTimer {
    const timer: Timer = { dueMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, fire };
    this.#push(timer);
    return () => {
      timer.fire = undefined;
    };
  }

  /** Lets time pass until the promise settles. */
  async until<T>(promise: Promise<T>): Promise<T> {
    let settled = false;
    const mark = () => (settled = true);
    promise.then(mark, mark);
    await turn();
    while (!settled) await this.#step();
    return promise;
  }

  async #step(): Promise<void> {
    const timer = this.#pop();
    if (timer === undefined) throw new Error('nothing is left that could happen');
    if (timer.fire === undefined) return;
    this.#nowMs = timer.dueMs;
    timer.fire();
    await turn();
  }

  #push(timer: Timer): void {
    const heap = this.#heap;
    let at = heap.push(timer) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || !isSooner(timer, above)) break;
      heap[at] = above;
      heap[parent] = timer;
      at = parent;
    }
  }

  #pop(): Timer | undefined {
    const heap = this.#heap;
    const [first] = heap;
    const last = heap.pop();
    if (last === undefined || first === last) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      const [left, right] = [heap[child], heap[child + 1]];
      if (left === undefined) break;
      if (right !== undefined && isSooner(right, left)) child++;
      const below = heap[child];
      if (below === undefined || !isSooner(below, last)) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

function isSooner(a: Timer, b: Timer): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order);
}

/** Until everything that a timer has set going waits for the next. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
