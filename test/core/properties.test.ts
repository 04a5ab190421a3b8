import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FullState } from '../../lib/core/full-state.js';
import { Layer } from '../../lib/core/layer.js';
import {
  apply,
  applyWithStats,
  keysTouched,
  needOfRead,
  needOfWrite,
  prepare,
  resultOf,
} from '../../lib/core/machine.js';
import { childOf, parentOf } from '../../lib/core/paths.js';
import type { StateReader } from '../../lib/core/state.js';
import { dataLength } from '../../lib/core/stat.js';
import { historyOf, keysOf, steps, type History } from './histories.js';
import { GENESIS, PartialState, valueAt } from './partial-state.js';

const RUNS = { numRuns: 150 };
/** A session's ephemerals lead to znodes, a sequential node's parent to its path: nothing is deeper than that. */
const HYDRATION_ROUNDS_MAX = 6;

function expectSame(history: History, state: StateReader): void {
  for (const key of keysOf(history)) {
    expect({ key, value: valueAt(key, state) }).toEqual({ key, value: valueAt(key, history.state) });
  }
}

describe('for every history', () => {
  test('each record follows from the transactions whose keysTouched names it, and from nothing else', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const history = historyOf(all);
        for (const key of keysOf(history)) {
          const alone = new PartialState();
          alone.learn(key, GENESIS);
          for (const { txn, position } of history.log) {
            if (keysTouched(txn).includes(key)) apply(txn, position, alone);
          }
          expect({ key, value: valueAt(key, alone) }).toEqual({ key, value: valueAt(key, history.state) });
        }
      }),
      RUNS,
    );
  });

  test('a transaction leaves every record alone that its keysTouched does not name', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const history = historyOf(all);
        const keys = keysOf(history);
        const state = new FullState();
        for (const { txn, position } of history.log) {
          const untouched = [...keys].filter((key) => !keysTouched(txn).includes(key));
          const before = untouched.map((key) => valueAt(key, state));
          apply(txn, position, state);
          expect(untouched.map((key) => valueAt(key, state))).toEqual(before);
        }
      }),
      { numRuns: 100 },
    );
  });

  test('a state that knows a part agrees with the whole state wherever it knows anything', () => {
    fc.assert(
      fc.property(steps, fc.infiniteStream(fc.boolean()), (all, coins) => {
        const history = historyOf(all);
        const partial = new PartialState();
        for (const key of keysOf(history)) if (coins.next().value) partial.learn(key, GENESIS);
        const learned = [...partial.keys];
        const whole = new FullState();
        for (const { txn, position } of history.log) {
          expect(apply(txn, position, partial)).toEqual(apply(txn, position, whole));
          for (const key of partial.keys) expect(valueAt(key, partial)).toEqual(valueAt(key, whole));
        }
        expect([...partial.keys]).toEqual(expect.arrayContaining(learned));
      }),
      { numRuns: 100 },
    );
  });

  test('layers on layers show what one full state shows, and count what changed', () => {
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 7 }), (all, every) => {
        const history = historyOf(all);
        const bottom = new FullState();
        const layers: Layer[] = [];
        let top: StateReader = bottom;
        history.log.forEach(({ txn, position }, index) => {
          if (index % every === 0) layers.push((top = new Layer(top)));
          apply(txn, position, layers.at(-1)!);
        });
        expectSame(history, top);
        expect(totalOf(layers)).toEqual(countOf(history.state));
        for (const key of keysOf(history)) expect(valueAt(key, bottom)).toEqual(valueAt(key, GENESIS));
      }),
      RUNS,
    );
  });

  test('what need names is enough for prepare to decide as it does on the whole state', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const history = historyOf(all);
        const whole = new FullState();
        let logged = 0;
        all.forEach(({ request, origin }, index) => {
          const view = new PartialState();
          hydrate(view, whole, () => needOfWrite(request, origin, view));
          expect(prepare({ request, origin, state: view, timeMs: 0 })).toEqual(history.prepared[index]);
          const next = history.log[logged];
          if (next !== undefined && next.step === all[index]) {
            apply(next.txn, next.position, whole);
            logged += 1;
          }
        });
        expect(logged).toBe(history.log.length);
      }),
      RUNS,
    );
  });

  test('a fitting layer on a partial view answers with the same Stats as the whole state', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const history = historyOf(all);
        const whole = new FullState();
        for (const { step, txn, position } of history.log) {
          if (txn.effect.type === 'error') continue;
          const { request, origin } = step;
          const view = new PartialState();
          hydrate(view, whole, () => needOfWrite(request, origin, view));
          const input = { request, effect: txn.effect, position };
          const onLayer = new Layer(view);
          const speculative = applyWithStats(txn, position, onLayer);
          const real = applyWithStats(txn, position, whole);
          const result = resultOf({ ...input, state: onLayer, stats: speculative.stats });
          expect(result).toEqual(resultOf({ ...input, state: whole, stats: real.stats }));
          if (request.kind !== 'multi') expect(result).toEqual(resultOf({ ...input, state: whole }));
        }
      }),
      { numRuns: 100 },
    );
  });

  test('the tree holds together: counts, parents, owners and lists agree', () => {
    fc.assert(
      fc.property(steps, (all) => {
        const { state } = historyOf(all);
        for (const path of state.paths()) {
          const record = state.node(path)!;
          expect(record.numChildren).toBe(state.children(path).size);
          expect(
            state.children(parentOf(path)).has(path.slice(path.lastIndexOf('/') + 1)) || path === '/',
          ).toBe(true);
          for (const name of state.children(path)) expect(state.node(childOf(path, name))).not.toBeNull();
          if (record.ephemeralOwner === 0n) continue;
          expect(record.numChildren).toBe(0);
          expect(state.session(record.ephemeralOwner)).not.toBeNull();
          expect(state.ephemerals(record.ephemeralOwner).has(path)).toBe(true);
        }
        for (const id of [1n, 2n, 3n]) {
          for (const path of state.ephemerals(id)) expect(state.node(path)?.ephemeralOwner).toBe(id);
        }
      }),
      RUNS,
    );
  });

  test('a read of any path is answered once what it needs is known', () => {
    fc.assert(
      fc.property(steps, fc.string(), (all, odd) => {
        const { state } = historyOf(all);
        for (const path of [...state.paths(), odd, '/' + odd]) {
          const view = new PartialState();
          hydrate(view, state, () => needOfRead({ kind: 'getChildren', path }, view));
          expect(needOfRead({ kind: 'getChildren', path }, view)).toEqual([]);
        }
      }),
      { numRuns: 50 },
    );
  });
});

function hydrate(view: PartialState, from: StateReader, need: () => readonly string[]): void {
  for (let round = 0; ; round += 1) {
    const keys = need();
    if (keys.length === 0) return;
    expect(round).toBeLessThan(HYDRATION_ROUNDS_MAX);
    for (const key of keys) {
      expect(view.keys.has(key)).toBe(false);
      view.learn(key, from);
    }
  }
}

function totalOf(layers: readonly Layer[]) {
  const total = { znodes: 0, sessions: 0, thinSessions: 0, bytes: 0 };
  for (const { delta } of layers) {
    total.znodes += delta.znodes;
    total.sessions += delta.sessions;
    total.thinSessions += delta.thinSessions;
    total.bytes += delta.bytes;
  }
  return total;
}

function countOf(state: FullState) {
  const records = [...state.paths()].map((path) => state.node(path)!);
  const sessions = [...state.sessions()].map((id) => state.session(id)!);
  return {
    znodes: records.length - 4,
    sessions: sessions.length,
    thinSessions: sessions.filter((record) => record.owner === '').length,
    bytes: records.reduce((sum, record) => sum + dataLength(record.data), 0),
  };
}
