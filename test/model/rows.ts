import type { Model, Step } from './explorer.js';

/**
 * Hydration and materializer (I8, I9): views that read rows and fold their window over them while materializers, late, doubled and cut off, write those
 * rows, and while a day passes after which tombstones are gone. docs/MODEL.md says which action is which code.
 *
 * The log is given: entries appear one after the other, as {@link RowsOptions.log} says. What is read of a name is whether it is there and the zxid of its
 * last change.
 */
export interface Change {
  readonly name: string;
  readonly isThere: boolean;
}

interface Image {
  readonly isThere: boolean;
  /** Of its last change. */
  readonly zxid: number;
}

interface Row extends Image {
  /** When it was written. */
  readonly day: number;
}

interface RowPut extends Image {
  readonly name: string;
  /** Of the materializer that waits for it; null when that has died since. */
  readonly owner: number | null;
}

interface Reader {
  isStarted: boolean;
  base: number;
  head: number;
  /** The day of its last look at the tail. */
  tailDay: number;
  tail: { readonly day: number; readonly end: number } | null;
  watermark: number | null;
  trimTo: number;
  /** A row on its way: the base at which it was asked for, and what the store showed. */
  reading: {
    readonly name: string;
    readonly base: number;
    readonly shown: Row | null | 'nothing yet';
  } | null;
  view: Record<string, Image>;
}

interface Materializer {
  phase: 'idle' | 'begun' | 'paged' | 'reading' | 'writing' | 'marking';
  base: number;
  head: number;
  /** The batch's end. */
  end: number;
  day: number;
  names: string[];
  images: Record<string, Image>;
}

export interface RowsState {
  /** Entries that are in the log by now. */
  entries: number;
  day: number;
  rows: Record<string, Row>;
  watermark: number;
  network: RowPut[];
  reader: Reader;
  materializers: Materializer[];
  /** Materializers that may still be killed. */
  kills: number;
  evictions: number;
  wrong: string[];
}

export interface RowsOptions {
  readonly log: readonly (readonly Change[])[];
  readonly materializers: number;
  readonly kills: number;
  readonly days: number;
  readonly evictions: number;
  /** A way to break it on purpose: the checker has to find each. */
  readonly mutation?:
    | 'watermark before its rows'
    | 'rows without a condition'
    | 'no tombstones'
    | 'trim under a read'
    | 'watermark read after the row'
    | 'rows written a day late'
    | 'a view that slept looks at no tail';
}

export function rowsModel(options: RowsOptions): Model<RowsState> {
  const { mutation } = options;
  const changes = options.log.flatMap((entry, index) => entry.map((change) => ({ ...change, entry: index })));
  const names = [...new Set(changes.map(({ name }) => name))].sort();
  const endOf = (entries: number) => changes.filter(({ entry }) => entry < entries).length;

  /** The last change of a name in (above, upTo]. */
  function lastChange(name: string, above: number, upTo: number): Image | undefined {
    for (let zxid = upTo; zxid > above; zxid--) {
      const change = changes[zxid - 1]!;
      if (change.name === name) return { isThere: change.isThere, zxid };
    }
    return undefined;
  }
  const truth = (name: string, zxid: number): Image =>
    lastChange(name, 0, zxid) ?? { isThere: false, zxid: 0 };

  /** What a view takes a record for: the row, and over it the window's newer changes. */
  function fold(name: string, row: Row | null, window: { base: number; head: number }): Image {
    const above = row?.zxid ?? window.base;
    const onTop = lastChange(name, Math.max(above, window.base), window.head);
    if (onTop !== undefined) return onTop;
    return row === null ? { isThere: false, zxid: 0 } : { isThere: row.isThere, zxid: row.zxid };
  }

  const isSame = (a: Image, b: Image) => a.isThere === b.isThere && (!a.isThere || a.zxid === b.zxid);

  function worldSteps(state: RowsState): Step<RowsState>[] {
    const steps: Step<RowsState>[] = [];
    if (state.entries < options.log.length)
      steps.push({ name: 'an entry is appended', change: (next) => next.entries++ });
    // A day passes at a time when no packet is under way any more.
    if (state.day < options.days) steps.push({ name: 'a day passes', change: passDay });
    for (const name of names) {
      const row = state.rows[name];
      if (row !== undefined && !row.isThere && row.day < state.day)
        steps.push({
          name: `the tombstone of ${name} goes`,
          change: (next) => (next.rows = without(next.rows, name)),
        });
    }
    state.network.forEach((put, at) =>
      steps.push({
        name: `the row of ${put.name} at ${put.zxid} is written`,
        change: (next) => deliver(next, at),
      }),
    );
    return steps;
  }

  function passDay(state: RowsState): void {
    state.day++;
    const isLate = mutation === 'rows written a day late';
    if (!isLate) state.network = [];
    for (const one of state.materializers) {
      // Its puts end as unanswered, and what it would send again is refused as too late.
      if (!isLate && (one.phase === 'writing' || one.phase === 'marking')) Object.assign(one, idle());
    }
  }

  function deliver(state: RowsState, at: number): void {
    const [put] = state.network.splice(at, 1);
    const { name, isThere, zxid } = put!;
    const existing = state.rows[name];
    if (existing !== undefined && existing.zxid >= zxid && mutation !== 'rows without a condition') return;
    if (!isThere && mutation === 'no tombstones') state.rows = without(state.rows, name);
    else state.rows[name] = { isThere, zxid, day: state.day };
  }

  function readerSteps(state: RowsState): Step<RowsState>[] {
    const { reader } = state;
    const steps: Step<RowsState>[] = [];
    const step = (name: string, change: (next: RowsState, me: Reader) => void) =>
      steps.push({ name: `the view ${name}`, change: (next) => change(next, next.reader) });
    if (!reader.isStarted) {
      step('reads the watermark and begins there', (next, me) => begin(next, me));
      return steps;
    }
    if (reader.tail === null && (reader.head < endOf(state.entries) || reader.tailDay < state.day))
      step('is shown the tail', (next, me) => (me.tail = { day: next.day, end: endOf(next.entries) }));
    if (reader.tail !== null) step('applies the tail', (_, me) => applyTail(me));
    if (reader.watermark === null && state.watermark > reader.trimTo)
      step('is shown the watermark', (next, me) => (me.watermark = next.watermark));
    if (reader.watermark !== null) step('trims its window', (_, me) => trim(me));
    for (const name of names) {
      if (reader.view[name] !== undefined && state.evictions > 0) {
        step(`lets go of ${name}`, (next, me) => {
          me.view = without(me.view, name);
          next.evictions--;
        });
      }
      if (reader.view[name] === undefined && reader.reading === null)
        step(
          `asks for the row of ${name}`,
          (_, me) => (me.reading = { name, base: me.base, shown: 'nothing yet' }),
        );
    }
    if (reader.reading?.shown === 'nothing yet')
      step(`is shown the row of ${reader.reading.name}`, (next, me) => {
        me.reading = { ...me.reading!, shown: next.rows[me.reading!.name] ?? null };
      });
    else if (reader.reading !== null && mayFold(state)) step('folds', (_, me) => foldRow(me));
    return steps;
  }

  function begin(state: RowsState, me: Reader): void {
    // What the broken one believes: that the window may begin at the head, whatever has been materialized.
    const base = mutation === 'watermark read after the row' ? endOf(state.entries) : state.watermark;
    Object.assign(me, { isStarted: true, base, head: base, trimTo: base });
  }

  function applyTail(me: Reader): void {
    const { day, end } = me.tail!;
    me.tail = null;
    me.tailDay = Math.max(me.tailDay, day);
    if (end <= me.head) return;
    for (const name of Object.keys(me.view)) me.view[name] = lastChange(name, me.head, end) ?? me.view[name]!;
    me.head = end;
  }

  function trim(me: Reader): void {
    me.trimTo = Math.max(me.trimTo, Math.min(me.watermark!, me.head));
    me.watermark = null;
    applyTrim(me);
  }

  function applyTrim(me: Reader): void {
    const held = me.reading === null || mutation === 'trim under a read' ? Infinity : me.reading.base;
    me.base = Math.max(me.base, Math.min(me.trimTo, held));
  }

  /** A row ahead of the view, and a view that has slept, look at the tail first. */
  function mayFold({ reader, day }: RowsState): boolean {
    const shown = reader.reading?.shown;
    if (shown === undefined || shown === 'nothing yet') return false;
    const hasSlept = reader.tailDay < day && mutation !== 'a view that slept looks at no tail';
    return (shown === null || shown.zxid <= reader.head) && !hasSlept;
  }

  function foldRow(me: Reader): void {
    const { name, shown } = me.reading!;
    me.view[name] = fold(name, shown as Row | null, me);
    me.reading = null;
    applyTrim(me);
  }

  function materializerSteps(state: RowsState, index: number): Step<RowsState>[] {
    const me = state.materializers[index]!;
    const steps: Step<RowsState>[] = [];
    const step = (name: string, change: (one: Materializer, next: RowsState) => void) =>
      steps.push({
        name: `materializer ${index} ${name}`,
        change: (next) => change(next.materializers[index]!, next),
      });
    if (me.phase !== 'idle' && state.kills > 0) step('is killed', (one, next) => kill(one, next, index));
    switch (me.phase) {
      case 'idle':
        if (state.watermark < endOf(state.entries)) {
          step('begins at the watermark', (one, next) =>
            Object.assign(one, { phase: 'begun', base: next.watermark, head: next.watermark }),
          );
        }
        break;
      case 'begun':
        step('reads the log', (one, next) => {
          const end = endOf(next.entries);
          Object.assign(one, { phase: 'paged', head: end, end, day: next.day });
        });
        break;
      case 'paged':
        step('looks at the watermark again', (one, next) => planBatch(one, next));
        break;
      case 'reading':
        step(`reads and folds the row of ${me.names[0]!}`, (one, next) => bringImage(one, next, index));
        break;
      case 'writing':
        if (state.network.every(({ owner }) => owner !== index))
          step('has written its rows', (one) => (one.phase = 'marking'));
        break;
      case 'marking':
        step('moves the watermark', (one, next) => {
          next.watermark = Math.max(next.watermark, one.end);
          Object.assign(one, idle());
        });
    }
    return steps;
  }

  function kill(me: Materializer, state: RowsState, index: number): void {
    state.kills--;
    state.network = state.network.map((put) => (put.owner === index ? { ...put, owner: null } : put));
    Object.assign(me, idle());
  }

  function planBatch(me: Materializer, state: RowsState): void {
    me.base = Math.min(Math.max(me.base, state.watermark), me.head);
    me.names = names.filter((name) => lastChange(name, me.base, me.head) !== undefined);
    if (me.names.length === 0) Object.assign(me, idle());
    else me.phase = 'reading';
  }

  function bringImage(me: Materializer, state: RowsState, index: number): void {
    const name = me.names.shift()!;
    const row = state.rows[name] ?? null;
    // A row of another run, ahead of this one: read on.
    if (row !== null && row.zxid > me.head) me.head = endOf(state.entries);
    const image = fold(name, row, me);
    if (!isSame(image, truth(name, me.head)))
      state.wrong.push(`the image of ${name} at ${me.head} is not what the log says`);
    me.images[name] = { ...image, zxid: lastChange(name, me.base, me.head)!.zxid };
    if (me.names.length > 0) return;
    // Too late: a batch that is older than a packet's life writes nothing.
    if (me.day < state.day && mutation !== 'rows written a day late') {
      Object.assign(me, idle());
      return;
    }
    for (const [key, one] of Object.entries(me.images))
      state.network.push({ name: key, ...one, owner: index });
    me.phase = mutation === 'watermark before its rows' ? 'marking' : 'writing';
    me.images = {};
  }

  return {
    initial: {
      ...{ entries: 0, day: 0, rows: {}, watermark: 0, network: [], wrong: [] },
      ...{ kills: options.kills, evictions: options.evictions },
      reader: {
        ...{ isStarted: false, base: 0, head: 0, tailDay: NEVER, trimTo: 0 },
        ...{ tail: null, watermark: null, reading: null, view: {} },
      },
      materializers: Array.from({ length: options.materializers }, idle),
    },
    steps: (state) => [
      ...worldSteps(state),
      ...readerSteps(state),
      ...state.materializers.flatMap((_, index) => materializerSteps(state, index)),
    ],
    violations: (state) => [...state.wrong, ...wrongView(state), ...wrongRows(state)],
    violationsAtEnd: (state) =>
      state.watermark === endOf(options.log.length) ? [] : [`the watermark stops at ${state.watermark}`],
  };

  /** I8: every record of a view is what the log says at its head. */
  function wrongView({ reader }: RowsState): string[] {
    return Object.entries(reader.view)
      .filter(([name, image]) => !isSame(image, truth(name, reader.head)))
      .map(([name]) => `the view at ${reader.head} is wrong about ${name}`);
  }

  /**
   * I9: a row is an image that the log had, and below the watermark nothing is missing, unless a tombstone of a later deletion has gone already
   * (the run that wrote it died before its watermark).
   */
  function wrongRows({ rows, watermark, entries }: RowsState): string[] {
    return names.flatMap((name) => {
      const row = rows[name];
      if (row !== undefined && !isSame(row, truth(name, row.zxid)))
        return [`the row of ${name} at ${row.zxid} is no image of the log`];
      const due = truth(name, watermark);
      const wasDeleted = changes.some(
        (change, at) => change.name === name && !change.isThere && at + 1 > watermark && at < endOf(entries),
      );
      const isBehind = row === undefined ? due.isThere && !wasDeleted : row.zxid < due.zxid;
      return isBehind ? [`the row of ${name} is behind the watermark ${watermark}`] : [];
    });
  }
}

function without<T>(record: Record<string, T>, name: string): Record<string, T> {
  return Object.fromEntries(Object.entries(record).filter(([key]) => key !== name));
}

/** Before the first day: a view that has just begun has not looked at the tail. */
const NEVER = -1;

function idle(): Materializer {
  return { phase: 'idle', base: 0, head: 0, end: 0, day: 0, names: [], images: {} };
}
