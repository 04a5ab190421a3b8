import { describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/base/clock.js';
import { systemRandom } from '../../lib/base/random.js';
import { Keeper } from '../../lib/keeper/keeper.js';
import { DynamoStore } from '../../lib/log/dynamo-store.js';
import { ANYONE, create } from '../keeper/world.js';
import { History, type CallRecord, type SessionHistory } from '../sim/history.js';
import { useEngine } from '../support/engine.js';
import { judge } from './judge.js';

const NAMESPACE = 'default';
const engine = useEngine();

function historyOf(calls: readonly { value: string; zxid: number }[]): History {
  const history = new History({ nowMs: systemClock.now() + 1_000 });
  const session: SessionHistory = {
    ...{ client: 'one', transport: 'tcp', id: 'a', timeoutMs: 10_000, closing: undefined },
    ...{ states: [], events: [], process: [] },
  };
  history.sessions.push(session);
  for (const { value, zxid } of calls) {
    const stat = undefined;
    const operation = { ...create('/a', value), kind: 'create' } as CallRecord['operation'];
    history.calls.push({
      ...{ number: history.calls.length, session, operation, invoked: history.moment(), seen: 0, known: 0 },
      ...{ armed: undefined, returned: history.moment() },
      outcome: {
        kind: 'answer',
        zxid,
        result: { kind: 'create', path: '/a', stat },
      } as unknown as NonNullable<CallRecord['outcome']>,
    });
  }
  return history;
}

describe('the judge of a run with real processes', () => {
  it('finds a write that was acknowledged and is not in the log, and one in the log that nobody asked for', async () => {
    const tablePrefix = await engine.freshTables();
    const store = new DynamoStore({ client: engine.client, tablePrefix });
    const keeper = new Keeper({ store, namespace: NAMESPACE, clock: systemClock, random: systemRandom });
    const outcome = await keeper.write(create('/a', 'v1'), ANYONE);
    await keeper.stop();
    const run = { client: engine.client, tablePrefix, namespace: NAMESPACE };

    const lost = await judge(historyOf([{ value: 'v2', zxid: outcome.zxid }]), run);
    expect(lost.transactions).toBe(1);
    expect(lost.violations.join('\n')).toMatch(/v2 was acknowledged and is not in the log/);
    expect(lost.violations.join('\n')).toMatch(/v1 stands in the log at 1, but nobody wrote it/);
  });
});
