import type { SimulatedStore, StoreCall } from '../../lib/log/simulated-store.js';
import type { Item, Store } from '../../lib/log/store.js';
import { TABLES } from '../../lib/log/tables.js';

/** A promise that a test resolves, and one that says that somebody waits for it. */
export class Gate {
  readonly reached: Promise<void>;
  #reach: () => void = () => undefined;
  #open: () => void = () => undefined;
  readonly #opened: Promise<void>;

  constructor() {
    this.reached = new Promise((resolve) => (this.#reach = resolve));
    this.#opened = new Promise((resolve) => (this.#open = resolve));
  }

  pass(): Promise<void> {
    this.#reach();
    return this.#opened;
  }

  open(): void {
    this.#open();
  }
}

/** Holds back the first call that matches, before it takes effect, until the gate opens. */
export function holdCall(store: SimulatedStore, matches: (call: StoreCall) => boolean): Gate {
  const gate = new Gate();
  let done = false;
  const before = store.intercept;
  store.intercept = (call) => {
    if (done || !matches(call)) return before?.(call);
    done = true;
    return gate.pass().then(() => undefined);
  };
  return gate;
}

/** A store whose first matching read or put has been carried out, but the answer is held back until the gate opens. */
export function holdReply(
  store: Store,
  matches: (call: { operation: 'get' | 'query' | 'put'; table: string; partition: string }) => boolean,
): { store: Store; gate: Gate } {
  const gate = new Gate();
  let done = false;
  const hold = async <T>(
    call: { operation: 'get' | 'query' | 'put'; table: string; partition: string },
    reply: Promise<T>,
  ) => {
    const answer = await reply;
    if (done || !matches(call)) return answer;
    done = true;
    await gate.pass();
    return answer;
  };
  const held: Store = {
    get: (table, key) => hold({ operation: 'get', table, partition: key.partition }, store.get(table, key)),
    query: (input) =>
      hold({ operation: 'query', table: input.table, partition: input.partition }, store.query(input)),
    put: (input) => {
      const keyName = TABLES[input.table].partitionKey.name;
      const partition = String(input.item[keyName]);
      return hold({ operation: 'put', table: input.table, partition }, store.put(input));
    },
    update: (input) => store.update(input),
    delete: (input) => store.delete(input),
  };
  return { store: held, gate };
}

export function isLogPut(call: StoreCall): boolean {
  return call.operation === 'put' && call.table === 'log';
}

/** The item of a put, of any other call nothing. */
export function putItem(call: StoreCall): Item | undefined {
  return call.operation === 'put' ? call.input.item : undefined;
}

/** Notes every put into a table, as sent. */
export function notePuts(store: SimulatedStore, table: string): Item[] {
  const puts: Item[] = [];
  const before = store.intercept;
  store.intercept = (call) => {
    const item = putItem(call);
    if (call.table === table && item !== undefined) puts.push(item);
    return before?.(call);
  };
  return puts;
}
