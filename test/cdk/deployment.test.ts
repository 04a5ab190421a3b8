import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { App, Duration } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { CfnRule } from 'aws-cdk-lib/aws-events';
import { CfnEventInvokeConfig, CfnEventSourceMapping } from 'aws-cdk-lib/aws-lambda';
import { CfnQueue } from 'aws-cdk-lib/aws-sqs';
import { describe, expect, it } from 'vitest';
import { SETTINGS } from '../../build/cdk.js';
import { deploymentOf, synthesize } from '../../build/deployment.js';
import type { ZeroKeeperProps } from '../../cdk/constructs/props.js';
import { ZeroKeeperStack } from '../../cdk/stack.js';
import { deploy } from '../../lib/emulator/deployment.js';
import { streamTriggers } from '../../lib/emulator/stream-triggers.js';
import { readDeploymentSettings } from '../../lib/emulator/template.js';
import { ROOT } from '../support/build.js';

/** What the emulator takes from a stack with these properties, or one that was changed by hand. */
function settingsOf(zeroKeeper: ZeroKeeperProps, change: (stack: ZeroKeeperStack) => void = () => undefined) {
  const stack = new ZeroKeeperStack(new App({ analyticsReporting: false }), 'Test', { zeroKeeper });
  change(stack);
  return deploymentOf(Template.fromStack(stack).toJSON());
}

const mappingsOf = (stack: ZeroKeeperStack, functionName: string) =>
  stack.node
    .findAll()
    .filter((one) => one instanceof CfnEventSourceMapping)
    .filter(({ node }) => node.path.includes(`/${functionName}/`));

const withMapping = (functionName: string, change: (mapping: CfnEventSourceMapping) => void) =>
  settingsOf({}, (stack) => mappingsOf(stack, functionName).forEach(change));

const settings = settingsOf({});

describe("the emulator's settings", () => {
  it('are those of the template that this source synthesizes', () => {
    expect(readDeploymentSettings()).toEqual(deploymentOf(synthesize()));
    expect(existsSync(SETTINGS)).toBe(true);
  });

  it("change with the construct's properties", () => {
    const { functions, queue } = settingsOf({
      functions: {
        connect: { timeout: Duration.seconds(7), memorySize: 300 },
        expire: { timeout: Duration.seconds(40) },
      },
    });
    const surroundings = {
      ...({ tablePrefix: 'zk', namespace: 'default', logLevel: 'info', queue: undefined } as const),
      ...{ dynamo: 'http://127.0.0.1:1', lambda: 'http://127.0.0.1:1', management: 'http://127.0.0.1:1' },
    };
    const deployed = deploy(surroundings, functions, pathToFileURL(`${ROOT}/dist/functions-bundles/`));
    const connect = deployed.find(({ name }) => name === 'zerokeeper-connect');
    expect(connect).toMatchObject({ timeoutMs: 7_000, memoryMb: 300 });
    expect(queue.visibilitySeconds).toBe(70);
  });

  it('have the filters of the event sources', () => {
    const filterOf = ({ streams }: typeof settings) =>
      streamTriggers(streams).find(({ table }) => table === 'leases')!.filter;
    const record = {
      eventID: '1',
      eventSource: 'aws:dynamodb',
      dynamodb: { SequenceNumber: '1', Keys: {} },
    } as const;
    const kinds = ['INSERT', 'MODIFY', 'REMOVE'] as const;
    const wanted = (filter: ReturnType<typeof filterOf>) =>
      kinds.filter((eventName) => filter({ ...record, eventName }));
    expect(wanted(filterOf(settings))).toEqual(['REMOVE']);
    const other = withMapping('expire', (mapping) => {
      if (mapping.filterCriteria === undefined) return;
      mapping.filterCriteria = { filters: [{ pattern: '{"eventName":["INSERT","MODIFY"]}' }] };
    });
    expect(wanted(filterOf(other))).toEqual(['INSERT', 'MODIFY']);
  });

  it('have the batches and retries of the event sources, and one reader for mappings that are alike', () => {
    expect(streamTriggers(settings.streams).map(({ functions }) => functions)).toEqual([
      ['materialize'],
      ['notify'],
      ['expire'],
    ]);
    const alike = withMapping('materialize', (mapping) => {
      mapping.maximumBatchingWindowInSeconds = 0;
    });
    expect(streamTriggers(alike.streams)[0]!.functions).toEqual(['materialize', 'notify']);
    const { streams } = withMapping('notify', (mapping) => {
      mapping.batchSize = 7;
      mapping.maximumRetryAttempts = 2;
      mapping.bisectBatchOnFunctionError = false;
      mapping.maximumRecordAgeInSeconds = 120;
    });
    const readers = streamTriggers(streams);
    expect(readers.map(({ functions }) => functions)).toEqual([['materialize'], ['notify'], ['expire']]);
    const expected = { batchRecordsMax: 7, attemptsMax: 3, bisect: false, recordAgeMaxMs: 120_000 };
    expect(readers[1]!.delivery).toMatchObject(expected);
    expect(readers[0]!.delivery).toMatchObject({
      ...{ batchRecordsMax: 1_000, attemptsMax: 6, bisect: true, batchWindowMs: 1_000 },
    });
  });

  it("have the queue's limits and the schedule's rate", () => {
    const { queue, schedules } = settingsOf({}, (stack) => {
      for (const one of stack.node.findAll()) {
        if (one instanceof CfnRule) one.scheduleExpression = 'rate(2 hours)';
        if (!(one instanceof CfnQueue) || one.redrivePolicy === undefined) continue;
        one.messageRetentionPeriod = 600;
        one.addPropertyOverride('RedrivePolicy.maxReceiveCount', 9);
      }
    });
    expect(queue).toMatchObject({ deliveriesMax: 9, retentionSeconds: 600 });
    expect(schedules.map(({ intervalSeconds }) => intervalSeconds)).toEqual([7_200, 7_200, 7_200]);
  });

  it('have the retries, the age and the destination of calls that nobody waits for', () => {
    expect(settings.functions.notify.asynchronous).toEqual({
      ...{ retriesMax: 2, ageSecondsMax: 300, failures: 'failures' },
    });
    expect(settings.functions.api.asynchronous).toEqual({ retriesMax: 2, ageSecondsMax: 21_600 });
    const { functions } = settingsOf({}, (stack) => {
      for (const one of stack.node.findAll()) {
        if (!(one instanceof CfnEventInvokeConfig)) continue;
        one.maximumRetryAttempts = 0;
        one.maximumEventAgeInSeconds = 90;
        one.destinationConfig = undefined;
      }
    });
    expect(functions.expire.asynchronous).toEqual({ retriesMax: 0, ageSecondsMax: 90 });
    const deployed = deploy(
      {
        ...({ tablePrefix: 'zk', namespace: 'default', logLevel: 'info', queue: undefined } as const),
        ...{ dynamo: 'http://127.0.0.1:1', lambda: 'http://127.0.0.1:1', management: 'http://127.0.0.1:1' },
      },
      functions,
      pathToFileURL(`${ROOT}/dist/functions-bundles/`),
    );
    expect(deployed.find(({ name }) => name === 'zerokeeper-expire')?.asynchronous).toEqual({
      ...{ retriesMax: 0, ageSecondsMax: 90 },
    });
  });

  it('have the destination of stream sources, and the concurrency of the queue', () => {
    expect(settings.streams.map(({ failures }) => failures)).toEqual(['failures', 'failures', 'failures']);
    expect(streamTriggers(settings.streams).map(({ putsAside }) => putsAside)).toEqual([true, true, true]);
    const { streams } = withMapping('notify', (mapping) => (mapping.destinationConfig = undefined));
    expect(streamTriggers(streams).map(({ functions, putsAside }) => [functions, putsAside])).toEqual([
      [['materialize'], true],
      [['notify'], false],
      [['expire'], true],
    ]);
    expect(settings.queue.batchesMax).toBe(10);
  });

  it('are refused when a target of the schedule has an input of its own', () => {
    const withInput = (stack: ZeroKeeperStack) => {
      for (const one of stack.node.findAll()) {
        if (one instanceof CfnRule) one.addPropertyOverride('Targets.0.Input', '{}');
      }
    };
    expect(() => settingsOf({}, withInput)).toThrow('Input');
  });

  it('are refused when an event source has a property that the emulator does not know', () => {
    expect(() => withMapping('notify', (mapping) => (mapping.parallelizationFactor = 2))).toThrow(
      'ParallelizationFactor',
    );
  });

  it.each([
    ['a comparison', '{"eventName":[{"prefix":"REM"}]}'],
    ['an empty list', '{"eventName":[]}'],
  ])('are refused when a filter has %s', (_, pattern) => {
    expect(() =>
      withMapping('notify', (mapping) => (mapping.filterCriteria = { filters: [{ pattern }] })),
    ).toThrow('filters');
  });
});

describe('the file of settings', () => {
  it('is asked for in one line when it is missing, no JSON, or of another version', () => {
    const folder = mkdtempSync(join(tmpdir(), 'zerokeeper-settings-'));
    const file = join(folder, 'deployment.json');
    const read = () => readDeploymentSettings([pathToFileURL(file)]);
    expect(read).toThrow(`there is no ${file}: run npm run build`);
    writeFileSync(file, 'no JSON');
    expect(read).toThrow(/deployment.json is unusable \(.*\): run npm run build$/);
    writeFileSync(file, JSON.stringify({ ...settings, more: 1 }));
    expect(read).toThrow(/is unusable \(.*more.*\)/);
    writeFileSync(file, readFileSync(SETTINGS));
    expect(read()).toEqual(readDeploymentSettings());
    rmSync(folder, { recursive: true });
  });
});
