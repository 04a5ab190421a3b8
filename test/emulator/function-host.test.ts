import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { DynamoDBStreamsClient } from '@aws-sdk/client-dynamodb-streams';
import type { SQSClient } from '@aws-sdk/client-sqs';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../lib/base/clock.js';
import { silentLogger } from '../../lib/base/logger.js';
import { seededRandom } from '../../lib/base/random.js';
import type { FailureRecord } from '../../lib/emulator/failure-records.js';
import { FunctionHost } from '../../lib/emulator/function-host.js';
import { LambdaService } from '../../lib/emulator/lambda/service.js';
import { readDeploymentSettings } from '../../lib/emulator/template.js';

const record = {
  ...{ eventID: '1', eventName: 'REMOVE', eventSource: 'aws:dynamodb' },
  dynamodb: { Keys: { session: { S: 'default#1' } }, SequenceNumber: '100' },
};

/** Answers by the name of the command. */
const clientOf = (answers: Record<string, () => unknown>) => ({
  send: (command: object) => Promise.resolve(answers[command.constructor.name]?.() ?? {}),
});

/** Every stream has one shard with one record. */
function streams() {
  let iterators = 0;
  return clientOf({
    DescribeStreamCommand: () => ({
      StreamDescription: {
        Shards: [{ ShardId: 'shard', SequenceNumberRange: { StartingSequenceNumber: '1' } }],
      },
    }),
    GetShardIteratorCommand: () => ({ ShardIterator: String(++iterators) }),
    GetRecordsCommand: () => ({ Records: [record] }),
  }) as unknown as DynamoDBStreamsClient;
}

/** A queue without messages. */
function untilAborted(_command: object, { abortSignal }: { abortSignal: AbortSignal }): Promise<never> {
  return new Promise((_resolve, reject) => {
    abortSignal.addEventListener('abort', () => reject(new Error('aborted')));
  });
}

/** What is called and put aside in five minutes in which every function fails that a stream calls. */
async function fiveMinutes(change: (settings: ReturnType<typeof readDeploymentSettings>) => typeof settings) {
  const clock = new ManualClock();
  const settings = change(readDeploymentSettings());
  const aside: FailureRecord[] = [];
  const calls: string[] = [];
  const host = new FunctionHost({
    ...{ clock, logger: silentLogger, random: seededRandom(1), tablePrefix: 'zk', sweepTtl: false, settings },
    client: clientOf({
      DescribeTableCommand: () => ({ Table: { LatestStreamArn: 'arn' } }),
    }) as unknown as DynamoDBClient,
    streams: streams(),
    queue: {
      client: { send: untilAborted } as unknown as SQSClient,
      queueUrl: 'http://127.0.0.1:1/queue',
      putAside: (failure) => Promise.resolve(void aside.push(failure)),
    },
    send: () => Promise.resolve(),
    call: (name) => {
      calls.push(name);
      return Promise.reject(new Error('no'));
    },
  });
  await host.start();
  for (let second = 0; second < 300; second++) await clock.advance(1_000);
  await host.stop();
  return {
    calls,
    aside: aside.map(({ requestContext, DDBStreamBatchInfo }) => ({ ...requestContext, DDBStreamBatchInfo })),
  };
}

describe('stream records whose function fails for good', () => {
  it("go to the template's on-failure destination after the template's retries", async () => {
    const { calls, aside } = await fiveMinutes((settings) => ({
      ...settings,
      streams: settings.streams.map((one) => ({ ...one, retriesMax: one.function === 'notify' ? 1 : 2 })),
    }));
    const callsOf = (name: string) => calls.filter((one) => one === `zerokeeper-${name}`).length;
    expect([callsOf('materialize'), callsOf('notify'), callsOf('expire')]).toEqual([3, 2, 3]);
    const ends = aside.map(({ functionArn, condition, approximateInvokeCount }) => [
      ...[functionArn.replace(/^.*-/, ''), condition, approximateInvokeCount],
    ]);
    expect(ends.sort()).toEqual([
      ['expire', 'RetryAttemptsExhausted', 3],
      ['materialize', 'RetryAttemptsExhausted', 3],
      ['notify', 'RetryAttemptsExhausted', 2],
    ]);
    expect(aside[0]?.DDBStreamBatchInfo).toEqual({
      ...{ shardId: 'shard', startSequenceNumber: '100', endSequenceNumber: '100', batchSize: 1 },
    });
  });

  it('go nowhere when the template has no destination for them', async () => {
    const { calls, aside } = await fiveMinutes((settings) => ({
      ...settings,
      streams: settings.streams.map((one) => ({ ...one, failures: undefined, retriesMax: 0 })),
    }));
    expect(calls.sort()).toEqual(['zerokeeper-expire', 'zerokeeper-materialize', 'zerokeeper-notify']);
    expect(aside).toEqual([]);
  });
});

describe('a scheduled call', () => {
  /** When a function was called that fails, ms, and how the last call was given up. */
  async function failing(retriesMax: number) {
    const clock = new ManualClock();
    const deployed = readDeploymentSettings();
    const schedules = [{ function: 'expire' as const, intervalSeconds: 3_600 }];
    const settings = { ...deployed, streams: [], schedules };
    const [times, aside]: [number[], FailureRecord[]] = [[], []];
    const handler = () => {
      times.push(clock.monotonic() - beganMs);
      throw new Error('no');
    };
    const asynchronous = { ...settings.functions.expire.asynchronous, retriesMax };
    const shared = { clock, logger: silentLogger, random: seededRandom(1) };
    const lambda = new LambdaService({
      ...{ ...shared, aliases: [], putAside: (failure) => Promise.resolve(void aside.push(failure)) },
      functions: [{ name: 'zerokeeper-expire', handler, clock, timeoutMs: 60_000, asynchronous }],
    });
    const host = new FunctionHost({
      ...{ ...shared, tablePrefix: 'zk', sweepTtl: false, settings, queue: undefined },
      client: clientOf({}) as unknown as DynamoDBClient,
      streams: streams(),
      call: lambda.call.bind(lambda),
      send: lambda.send.bind(lambda),
    });
    const beganMs = clock.monotonic();
    await host.start();
    for (let second = 0; second < 600; second++) await clock.advance(1_000);
    await host.stop();
    await lambda.stop();
    return { times, ends: aside.map(({ requestContext }) => requestContext.condition) };
  }

  it('that fails is made again as the function’s asynchronous calls are, and then put aside', async () => {
    const { times, ends } = await failing(2);
    expect(times.map((ms) => Math.floor(ms / 60_000))).toEqual([0, 1, 3]);
    expect(ends).toEqual(['RetriesExhausted']);
  });

  it('is not made again where the function’s are not', async () => {
    expect(await failing(0)).toEqual({ times: [0], ends: ['RetriesExhausted'] });
  });
});
