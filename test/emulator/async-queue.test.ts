import { afterEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../lib/base/clock.js';
import { silentLogger } from '../../lib/base/logger.js';
import { seededRandom } from '../../lib/base/random.js';
import type { FailureRecord } from '../../lib/emulator/failure-records.js';
import { AsyncQueue, type GivenUp } from '../../lib/emulator/lambda/async-queue.js';
import { LambdaService } from '../../lib/emulator/lambda/service.js';
import type { AsynchronousSettings } from '../../lib/emulator/template.js';

const FAILED = { ok: false, error: { errorType: 'Error', errorMessage: 'no' } } as const;

const queues: { stop(): Promise<void> }[] = [];

afterEach(async () => {
  await Promise.all(queues.splice(0).map((queue) => queue.stop()));
});

/** An event whose function always fails: when it was tried, in seconds, and how that ended. */
async function fate({ retriesMax, ageSecondsMax }: AsynchronousSettings) {
  const clock = new ManualClock();
  const queue = new AsyncQueue({ clock, retriesMax, ageMaxMs: ageSecondsMax * 1000 });
  queues.push(queue);
  const triedAfterS: number[] = [];
  const ends: (Omit<GivenUp, 'outcome'> & { afterS: number })[] = [];
  queue.add({
    run: () => {
      triedAfterS.push(clock.monotonic() / 1000);
      return Promise.resolve(FAILED);
    },
    onGivenUp: ({ condition, attempts }) => {
      ends.push({ condition, attempts, afterS: clock.monotonic() / 1000 });
      return Promise.resolve();
    },
  });
  await clock.advance(0);
  for (let second = 0; second < 600; second++) await clock.advance(1_000);
  return { triedAfterS, ends };
}

describe('an event whose function fails', () => {
  it('is tried as often as the setting says, a minute and then two minutes later', async () => {
    expect(await fate({ retriesMax: 2, ageSecondsMax: 21_600 })).toEqual({
      triedAfterS: [0, 60, 180],
      ends: [{ condition: 'RetriesExhausted', attempts: 3, afterS: 180 }],
    });
    expect(await fate({ retriesMax: 0, ageSecondsMax: 300 })).toEqual({
      triedAfterS: [0],
      ends: [{ condition: 'RetriesExhausted', attempts: 1, afterS: 0 }],
    });
  });

  it('is not tried any more when it is older than the setting says', async () => {
    expect(await fate({ retriesMax: 2, ageSecondsMax: 100 })).toEqual({
      triedAfterS: [0, 60],
      ends: [{ condition: 'EventAgeExceeded', attempts: 2, afterS: 100 }],
    });
  });

  it('goes to the on-failure destination of a function that has one, and to none else', async () => {
    const clock = new ManualClock();
    const aside: FailureRecord[] = [];
    const handler = () => {
      throw new RangeError('no');
    };
    const settings = { retriesMax: 0, ageSecondsMax: 300 };
    const service = new LambdaService({
      ...{ clock, random: seededRandom(1), logger: silentLogger, aliases: ['orders'] },
      functions: [
        {
          name: 'kept',
          handler,
          clock,
          timeoutMs: 1_000,
          asynchronous: { ...settings, failures: 'failures' },
        },
        { name: 'lost', handler, clock, timeoutMs: 1_000, asynchronous: settings },
      ],
      putAside: (record) => {
        aside.push(record);
        return Promise.resolve();
      },
    });
    const event = { type: 'Event', payload: '{"namespace":"orders"}' } as const;
    await service.invoke({ functionName: 'lost', ...event });
    const { requestId } = await service.invoke({ functionName: 'kept', qualifier: 'orders', ...event });
    await clock.advance(0);
    await service.stop();
    expect(aside).toEqual([
      {
        version: '1.0',
        timestamp: '2023-11-14T22:13:20.000Z',
        requestContext: {
          requestId,
          functionArn: expect.stringMatching(/:function:kept:orders$/) as string,
          ...{ condition: 'RetriesExhausted', approximateInvokeCount: 1 },
        },
        responseContext: { statusCode: 200, executedVersion: '$LATEST', functionError: 'Unhandled' },
        requestPayload: { namespace: 'orders' },
        responsePayload: expect.objectContaining({ errorType: 'RangeError', errorMessage: 'no' }) as object,
      },
    ]);
  });
});
