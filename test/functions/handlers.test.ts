import { describe, expect, it } from 'vitest';
import { EventError, type StreamRecord } from '../../functions/shared/events.js';
import { expireHandler, TRIM_MS_MAX } from '../../functions/shared/expire.js';
import { materializeHandler, RESERVE_MS, UnfinishedError } from '../../functions/shared/materialize.js';
import type { Item } from '../../lib/log/store.js';

const SCHEDULED = { 'detail-type': 'Scheduled Event' };

function logRecord(namespace: string, zxid: number): StreamRecord {
  return {
    eventID: String(zxid),
    eventName: 'INSERT',
    eventSource: 'aws:dynamodb',
    dynamodb: { SequenceNumber: String(zxid), Keys: { ns: { S: namespace }, zxid: { N: String(zxid) } } },
  };
}

function leaseRecord(eventName: StreamRecord['eventName'], partition: string): StreamRecord {
  const Keys = { pk: { S: partition }, sk: { S: 'a1' } };
  return {
    eventID: partition,
    eventName,
    eventSource: 'aws:dynamodb',
    dynamodb: {
      SequenceNumber: '1',
      Keys,
      OldImage: { ...Keys, e: { N: '7' }, h: { B: 'AQID' }, gone: { BOOL: true } },
    },
  };
}

describe('materialize', () => {
  function setUp(runs: Record<string, (boolean | Error)[]> = {}) {
    const calls: string[] = [];
    const deadlines: number[] = [];
    let now = 1_000_000;
    const handler = materializeHandler(() => ({
      namespaces: () => Promise.resolve(['default', 'orders']),
      now: () => now,
      materializer: (namespace) => ({
        run: ({ deadlineMs }) => {
          calls.push(namespace);
          deadlines.push(deadlineMs);
          now += 1_000;
          const result = runs[namespace]?.shift() ?? false;
          return result instanceof Error
            ? Promise.reject(result)
            : Promise.resolve({ more: result, lagMs: 0 });
        },
      }),
    }));
    return { handler, calls, deadlines };
  }

  it('runs once for each namespace that the records name, however many records there are', async () => {
    const { handler, calls } = setUp();
    await handler({ Records: [logRecord('a', 1), logRecord('b', 1), logRecord('a', 2)] });
    expect(calls.sort()).toEqual(['a', 'b']);
  });

  it('runs for every deployed namespace on a schedule', async () => {
    const { handler, calls } = setUp();
    await handler(SCHEDULED);
    expect(calls.sort()).toEqual(['default', 'orders']);
  });

  it('runs for the namespace of a direct call until nothing is left', async () => {
    const { handler, calls } = setUp({ a: [true, true, false] });
    await handler({ namespace: 'a' });
    expect(calls).toEqual(['a', 'a', 'a']);
  });

  it('works on the other namespaces when one fails, and then throws, so that the batch comes again', async () => {
    const { handler, calls } = setUp({ a: [new Error('no store')] });
    const failed = handler({ Records: [logRecord('a', 1), logRecord('b', 1)] });
    await expect(failed).rejects.toThrow('failed for the namespaces a');
    expect(calls).toContain('b');
  });

  it('stops before the invocation ends and asks to be called again when there is more', async () => {
    const { handler, calls, deadlines } = setUp({ a: Array<boolean>(100).fill(true) });
    const context = { getRemainingTimeInMillis: () => RESERVE_MS + 2_500 };
    const error = await handler({ namespace: 'a' }, context).catch((thrown: unknown) => thrown);
    expect((error as AggregateError).errors[0]).toBeInstanceOf(UnfinishedError);
    expect(calls).toHaveLength(3);
    expect(deadlines[0]).toBe(1_002_500);
  });

  it.each([[{}], [null], ['x'], [{ namespace: '' }], [{ Records: [{ eventSource: 'aws:s3' }] }]])(
    'refuses the event %j',
    async (event) => {
      await expect(setUp().handler(event)).rejects.toBeInstanceOf(EventError);
    },
  );
});

describe('expire', () => {
  function setUp() {
    const swept: string[] = [];
    const trimmed: [string, number][] = [];
    const removed: [string, Item][] = [];
    const released: string[] = [];
    const handler = expireHandler(() => ({
      namespaces: () => Promise.resolve(['default']),
      withReaper: async (namespace, work) => {
        const sweep = () => Promise.resolve(swept.push(namespace));
        const onLeaseRemoved = (image: Item) => {
          removed.push([namespace, image]);
          return Promise.resolve();
        };
        await work({ sweep, onLeaseRemoved }).finally(() => released.push(namespace));
      },
      now: () => 1_000_000,
      trim: (namespace, deadlineMs) => {
        trimmed.push([namespace, deadlineMs]);
        return Promise.resolve();
      },
    }));
    return { handler, swept, removed, released, trimmed };
  }

  it('hands removed leases to the reaper of their namespace as the store would give them', async () => {
    const { handler, removed, released } = setUp();
    await handler({ Records: [leaseRecord('REMOVE', 'a#gateways'), leaseRecord('REMOVE', 'b#gateway#g1')] });
    expect(removed).toEqual([
      ['a', { pk: 'a#gateways', sk: 'a1', e: 7, h: Uint8Array.of(1, 2, 3), gone: true }],
      ['b', { pk: 'b#gateway#g1', sk: 'a1', e: 7, h: Uint8Array.of(1, 2, 3), gone: true }],
    ]);
    expect(released.sort()).toEqual(['a', 'b']);
  });

  it('does nothing for leases that were written or renewed', async () => {
    const { handler, removed, released } = setUp();
    await handler({ Records: [leaseRecord('INSERT', 'a#gateways'), leaseRecord('MODIFY', 'a#gateways')] });
    expect(removed).toEqual([]);
    expect(released).toEqual([]);
  });

  it('sweeps every deployed namespace on a schedule and no other', async () => {
    const { handler, swept, trimmed } = setUp();
    await handler(SCHEDULED);
    expect(swept).toEqual(['default']);
    expect(trimmed).toEqual([['default', 1_000_000 + TRIM_MS_MAX]]);
  });

  it('refuses a lease whose partition names no namespace', async () => {
    await expect(setUp().handler({ Records: [leaseRecord('REMOVE', '#x')] })).rejects.toBeInstanceOf(
      EventError,
    );
  });
});
