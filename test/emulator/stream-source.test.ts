import { afterEach, describe, expect, it } from 'vitest';
import type { StreamEvent } from '../../functions/shared/events.js';
import { ManualClock } from '../../lib/base/clock.js';
import { DELIVERY, type GivenUpBatch, type StreamProblem } from '../../lib/emulator/shard-consumer.js';
import { StreamReadError } from '../../lib/emulator/stream-reader.js';
import { DISCOVER_MS, StreamSource, type StreamSourceOptions } from '../../lib/emulator/stream-source.js';
import { FakeStream, nameOf } from './fake-stream.js';

const sources: StreamSource[] = [];

afterEach(async () => {
  await Promise.all(sources.splice(0).map((source) => source.stop()));
});

/** Lets time go by in small steps: what a step starts is under way before the next one. */
async function pass(clock: ManualClock, byMs: number): Promise<void> {
  await clock.advance(0);
  for (let leftMs = byMs; leftMs > 0; leftMs -= 10) await clock.advance(Math.min(10, leftMs));
}

function setUp(options: Partial<StreamSourceOptions> = {}) {
  const clock = new ManualClock();
  const stream = new FakeStream();
  const batches: string[][] = [];
  const problems: StreamProblem[] = [];
  const failures: Error[] = [];
  const call = ({ Records }: StreamEvent) => {
    batches.push(Records.map(nameOf));
    const failure = failures.shift();
    return failure === undefined ? Promise.resolve() : Promise.reject(failure);
  };
  const onProblem = (problem: StreamProblem) => problems.push(problem);
  const source = new StreamSource({
    reader: stream,
    clock,
    call,
    startAt: 'TRIM_HORIZON',
    onProblem,
    ...options,
  });
  sources.push(source);
  return { clock, stream, batches, problems, failures, source };
}

describe('a stream source', () => {
  it('delivers the records of a shard in order, in batches of at most the given size', async () => {
    const { clock, stream, batches, source } = setUp({ delivery: { batchRecordsMax: 2 } });
    stream.open('one');
    stream.append('one', 'a', 'b', 'c');
    await source.start();
    await pass(clock, 100);
    expect(batches).toEqual([['a', 'b'], ['c']]);
  });

  it('delivers only what comes after its start when it starts at the latest', async () => {
    const { clock, stream, batches, source } = setUp({ startAt: 'LATEST' });
    stream.open('one');
    stream.append('one', 'old');
    await source.start();
    stream.append('one', 'new');
    await pass(clock, 1_000);
    expect(batches).toEqual([['new']]);
  });

  it('delivers the same batch again when the function fails, and nothing after it before that', async () => {
    const { clock, stream, batches, problems, failures, source } = setUp({
      delivery: { batchRecordsMax: 2 },
    });
    failures.push(new Error('first'), new Error('second'));
    stream.open('one');
    stream.append('one', 'a', 'b', 'c');
    await source.start();
    await pass(clock, 1_000);
    expect(batches).toEqual([['a', 'b'], ['a', 'b'], ['a', 'b'], ['c']]);
    expect(problems.map(({ during, attempt, givenUp }) => [during, attempt, givenUp])).toEqual([
      ['deliver', 1, false],
      ['deliver', 2, false],
    ]);
  });

  it('gives a batch up after the named number of calls, says so, and goes on with the next', async () => {
    const delivery = { batchRecordsMax: 1, attemptsMax: 3 };
    const { clock, stream, batches, problems, failures, source } = setUp({ delivery });
    failures.push(...['1', '2', '3'].map((text) => new Error(text)));
    stream.open('one');
    stream.append('one', 'a', 'b');
    await source.start();
    await pass(clock, 10_000);
    expect(batches).toEqual([['a'], ['a'], ['a'], ['b']]);
    expect(problems.map(({ givenUp }) => givenUp)).toEqual([false, false, true]);
  });

  it('hands over what it gives up, and why, before it goes on', async () => {
    const events: string[] = [];
    const call = ({ Records }: StreamEvent) => {
      events.push(`call ${Records.map(nameOf).join()}`);
      return Records.some((record) => nameOf(record) === 'b')
        ? Promise.reject(new Error('b'))
        : Promise.resolve();
    };
    const onGivenUp = ({ condition, shardId, records, attempts }: GivenUpBatch) => {
      events.push([condition, shardId, records.map(nameOf).join(), attempts].join(' '));
      return Promise.resolve();
    };
    const delivery = { batchRecordsMax: 2, bisect: true, attemptsMax: 2 };
    const { clock, stream, source } = setUp({ delivery, call, onGivenUp });
    stream.open('one');
    stream.append('one', 'a', 'b', 'c');
    await source.start();
    await pass(clock, 1_000);
    expect(events).toEqual([
      ...['call a,b', 'call a', 'call b', 'call b', 'RetryAttemptsExhausted one b 2'],
      'call c',
    ]);
  });

  it('gives up what is too old, whatever attempts are left', async () => {
    const given: GivenUpBatch[] = [];
    const onGivenUp = (batch: GivenUpBatch) => Promise.resolve(void given.push(batch));
    const delivery = { attemptsMax: 1_000, recordAgeMaxMs: 1_000 };
    const call = () => Promise.reject(new Error('never'));
    const { clock, stream, source } = setUp({ delivery, call, onGivenUp });
    stream.open('one');
    stream.append('one', 'a');
    await source.start();
    await pass(clock, 10_000);
    expect(given.map(({ condition }) => condition)).toEqual(['RecordAgeExceeded']);
  });

  it('waits longer before each repetition, up to the named pause', async () => {
    const clock = new ManualClock();
    const times: number[] = [];
    const call = () => {
      times.push(clock.monotonic());
      return Promise.reject(new Error('no'));
    };
    const delivery = { retryMinMs: 100, retryMaxMs: 400 };
    const { stream, source } = setUp({ clock, call, delivery });
    stream.open('one');
    stream.append('one', 'a');
    await source.start();
    await pass(clock, 1_200);
    expect(times.slice(1).map((time, index) => time - times[index]!)).toEqual([100, 200, 400, 400]);
  });

  it('goes on where it was when a read fails or its iterator is too old', async () => {
    const { clock, stream, batches, problems, source } = setUp();
    stream.open('one');
    stream.append('one', 'a');
    await source.start();
    await pass(clock, 50);
    stream.failures.push(new StreamReadError('IteratorExpired', 'too old'), new Error('socket hang up'));
    stream.append('one', 'b');
    await pass(clock, 2_000);
    expect(batches).toEqual([['a'], ['b']]);
    expect(problems.map(({ during }) => during)).toEqual(['read', 'read']);
  });

  it('goes on at the trim horizon when its position was trimmed: a record may come twice, none is left out', async () => {
    const { clock, stream, batches, source } = setUp();
    stream.open('one');
    stream.append('one', 'a');
    await source.start();
    await pass(clock, 50);
    stream.failures.push(new StreamReadError('Trimmed', 'gone'));
    stream.append('one', 'b');
    await pass(clock, 2_000);
    expect(batches).toEqual([['a'], ['a', 'b']]);
  });

  it('reads the children of a shard only after the shard itself, and from their beginning', async () => {
    const { clock, stream, batches, failures, source } = setUp({ startAt: 'LATEST' });
    stream.open('parent');
    await source.start();
    stream.append('parent', 'a', 'b');
    stream.close('parent');
    stream.open('child', 'parent');
    stream.append('child', 'c');
    failures.push(new Error('once'));
    await pass(clock, 2 * DISCOVER_MS);
    expect(batches).toEqual([['a', 'b'], ['a', 'b'], ['c']]);
  });

  it('starts a child whose parent the stream no longer lists', async () => {
    const { clock, stream, batches, source } = setUp();
    stream.open('child', 'long gone');
    stream.append('child', 'a');
    await source.start();
    await pass(clock, 10);
    expect(batches).toEqual([['a']]);
  });

  it('does not let a shard whose batch fails hold up another shard', async () => {
    const batches: string[][] = [];
    const call = ({ Records }: StreamEvent) => {
      const names = Records.map(nameOf);
      batches.push(names);
      return names.includes('bad') ? Promise.reject(new Error('bad')) : Promise.resolve();
    };
    const { clock, stream, source } = setUp({ call });
    stream.open('one');
    stream.open('two');
    stream.append('one', 'bad');
    stream.append('two', 'good');
    await source.start();
    await pass(clock, 1_000);
    expect(batches).toContainEqual(['good']);
    expect(batches.filter(([name]) => name === 'bad').length).toBeGreaterThan(1);
  });

  it('delivers a batch that failed in halves, until the bad record is alone and given up after its attempts', async () => {
    const batches: string[][] = [];
    const call = ({ Records }: StreamEvent) => {
      const names = Records.map(nameOf);
      batches.push(names);
      return names.includes('bad') ? Promise.reject(new Error('bad')) : Promise.resolve();
    };
    const { clock, stream, source } = setUp({ call, delivery: { bisect: true, attemptsMax: 2 } });
    stream.open('one');
    stream.append('one', 'a', 'b', 'bad', 'c');
    await source.start();
    await pass(clock, 1_000);
    const halves = [['a', 'b', 'bad', 'c'], ['a', 'b'], ['bad', 'c'], ['bad'], ['bad'], ['c']];
    expect(batches).toEqual(halves);
  });

  it('gives up a batch that is too old, with all of its halves', async () => {
    let calls = 0;
    const call = () => {
      calls++;
      return Promise.reject(new Error('bad'));
    };
    const { clock, stream, source } = setUp({ call, delivery: { bisect: true, recordAgeMaxMs: 40 } });
    stream.open('one');
    stream.append('one', 'a', 'b', 'c', 'd');
    await source.start();
    await pass(clock, 1_000);
    // The whole at 0 ms; 50 ms later each half for the last time.
    expect(calls).toBe(3);
  });

  it('leaves out what the filter does not want and calls nothing for a batch without any of it', async () => {
    const { clock, stream, batches, source } = setUp({
      filter: ({ eventName }) => eventName === 'REMOVE',
      delivery: { batchRecordsMax: 2 },
    });
    stream.open('one');
    stream.append('one', 'a', 'b', 'c', '-d');
    await source.start();
    await pass(clock, 1_000);
    expect(batches).toEqual([['-d']]);
  });

  it('gathers records for as long as the batch window is open', async () => {
    const { clock, stream, batches, source } = setUp({ delivery: { batchWindowMs: 50 } });
    stream.open('one');
    stream.append('one', 'a');
    await source.start();
    await pass(clock, 20);
    stream.append('one', 'b');
    await pass(clock, 100);
    expect(batches).toEqual([['a', 'b']]);
  });

  it('asks less and less often while nothing happens', async () => {
    const { clock, stream, source } = setUp();
    stream.open('one');
    await source.start();
    await pass(clock, 5_000);
    stream.reads = 0;
    await pass(clock, 10 * DELIVERY.idlePollMs);
    expect(stream.reads).toBe(10);
  });

  it('waits for the call that is under way when it is stopped, and calls no more', async () => {
    let finish: () => void = () => undefined;
    let calls = 0;
    const call = () => new Promise<void>((resolve) => (calls++, (finish = resolve)));
    const { clock, stream, source } = setUp({ call, delivery: { batchRecordsMax: 1 } });
    stream.open('one');
    stream.append('one', 'a', 'b');
    await source.start();
    await pass(clock, 1);
    let stopped = false;
    const stopping = source.stop().then(() => (stopped = true));
    await pass(clock, 1_000);
    expect(stopped).toBe(false);
    finish();
    await stopping;
    expect(calls).toBe(1);
    expect(clock.pending).toBe(0);
  });
});
