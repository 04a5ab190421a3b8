import type { CancelTimer } from '../../../lib/base/clock.js';

/** Where virtual time begins: ms since 1970. */
const START_MS = 1_700_000_000_000;

interface Event {
  readonly dueMs: number;
  readonly sequence: number;
  fire: (() => void) | undefined;
}

/**
 * Virtual time. Events happen in the order of their due times, then of their making, one at a time; between two of them every promise
 * that can settle does. No timer of the machine is set, so a run takes no longer than its work, and the same run is the same again.
 */
export class Scheduler {
  #nowMs = START_MS;
  #sequence = 0;
  #executed = 0;
  /** A heap: no event is due before its parent. */
  readonly #heap: Event[] = [];
  /** Mixes due time and number of everything that happened. */
  #digest = 0x811c9dc5;

  get nowMs(): number {
    return this.#nowMs;
  }

  /** How many events have happened: the simulation's steps. */
  get executed(): number {
    return this.#executed;
  }

  get digest(): number {
    return this.#digest >>> 0;
  }

  /** Happens once, after `delayMs` (whole ms, at least 0), unless it is cancelled. */
  after(delayMs: number, fire: () => void): CancelTimer {
    const event: Event = {
      dueMs: this.#nowMs + Math.max(0, Math.ceil(delayMs)),
      sequence: ++this.#sequence,
      fire,
    };
    this.#push(event);
    return () => {
      event.fire = undefined;
    };
  }

  /** Lets time pass without anything happening, as if everybody had been stopped: what was due meanwhile happens late. */
  leap(byMs: number): void {
    this.#nowMs += Math.ceil(byMs);
  }

  /** One event happens, and all that follows from it at once. False when there is none at or before `untilMs`. */
  async step(untilMs = Infinity): Promise<boolean> {
    for (;;) {
      const [next] = this.#heap;
      if (next === undefined || next.dueMs > untilMs) return false;
      this.#pop();
      if (next.fire === undefined) continue;
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      this.#executed++;
      this.#mix(next.sequence);
      this.#mix(this.#nowMs - START_MS);
      next.fire();
      // Everything that waits for what has just happened goes on, as far as it comes without waiting for something else.
      await new Promise((resolve) => setImmediate(resolve));
      return true;
    }
  }

  #mix(value: number): void {
    this.#digest = Math.imul(this.#digest ^ (value | 0), 0x01000193);
    this.#digest = Math.imul(this.#digest ^ Math.floor(value / 2 ** 32), 0x01000193);
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let index = heap.push(event) - 1;
    while (index > 0) {
      const parent = (index - 1) >>> 1;
      if (!isBefore(event, heap[parent]!)) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, last)) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = last;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.sequence < b.sequence);
}
