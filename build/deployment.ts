/**
 * Takes from the synthesized template what the emulator has to know: settings of functions and of what calls them. A property of an
 * event source that is not known here is an error, so that none that is set in the construct can go unnoticed on this machine.
 */
import { App } from 'aws-cdk-lib';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { ZeroKeeperStack } from '../cdk/stack.js';
import { type DeploymentSettings, deploymentSettings } from '../lib/emulator/template.js';

const template = z.object({
  Resources: z.record(z.string(), z.object({ Type: z.string(), Properties: z.unknown() })),
});

type Resources = z.infer<typeof template>['Resources'];

/** The logical id of what is referred to. */
const reference = z.union([
  z.object({ Ref: z.string() }).transform(({ Ref }) => Ref),
  z
    .object({ 'Fn::GetAtt': z.tuple([z.string(), z.string()]) })
    .transform((target) => target['Fn::GetAtt'][0]),
]);

const lambdaFunction = z.object({ FunctionName: z.string(), Timeout: z.number(), MemorySize: z.number() });

const failureQueue = z
  .strictObject({ OnFailure: z.strictObject({ Destination: reference }) })
  .transform(({ OnFailure }) => OnFailure.Destination)
  .optional();

const eventInvokeConfig = z.strictObject({
  FunctionName: reference,
  Qualifier: z.literal('$LATEST'),
  MaximumRetryAttempts: z.number().optional(),
  MaximumEventAgeInSeconds: z.number().optional(),
  DestinationConfig: failureQueue,
});

const streamMapping = z.strictObject({
  EventSourceArn: reference,
  FunctionName: reference,
  BatchSize: z.number(),
  MaximumBatchingWindowInSeconds: z.number().default(0),
  FilterCriteria: z.strictObject({ Filters: z.array(z.strictObject({ Pattern: z.string() })) }).optional(),
  BisectBatchOnFunctionError: z.boolean().default(false),
  MaximumRetryAttempts: z.number(),
  MaximumRecordAgeInSeconds: z.number(),
  DestinationConfig: failureQueue,
  // Known and not needed: here the first scheduled call finds what came before the start.
  StartingPosition: z.literal('TRIM_HORIZON'),
});

const queueMapping = z.strictObject({
  EventSourceArn: reference,
  FunctionName: reference,
  BatchSize: z.number(),
  FunctionResponseTypes: z.array(z.literal('ReportBatchItemFailures')).default([]),
  ScalingConfig: z.strictObject({ MaximumConcurrency: z.number() }),
});

const queue = z.object({
  VisibilityTimeout: z.number(),
  MessageRetentionPeriod: z.number(),
  RedrivePolicy: z.object({ maxReceiveCount: z.number() }),
});

const target = z.strictObject({
  Id: z.string(),
  Arn: reference,
  // Known and not needed: both are about handing the event to Lambda's queue, which here is a call in this process.
  RetryPolicy: z.strictObject({ MaximumRetryAttempts: z.number(), MaximumEventAgeInSeconds: z.number() }),
  DeadLetterConfig: z.strictObject({ Arn: reference }),
});

const rule = z.strictObject({
  Name: z.string(),
  Description: z.string(),
  State: z.literal('ENABLED'),
  ScheduleExpression: z.string(),
  Targets: z.array(target),
});

/** As `cdk/app.ts` makes it without options. */
export function synthesize(): unknown {
  const outdir = mkdtempSync(join(tmpdir(), 'zerokeeper-template-'));
  try {
    const app = new App({ outdir, analyticsReporting: false });
    const { artifactId } = new ZeroKeeperStack(app, 'ZeroKeeper');
    return app.synth().getStackArtifact(artifactId).template as unknown;
  } finally {
    rmSync(outdir, { recursive: true });
  }
}

/** Throws `ZodError` for a template that says what the emulator does not know. */
export function deploymentOf(synthesized: unknown): DeploymentSettings {
  const resources = template.parse(synthesized).Resources;
  const mappings = ofType(resources, 'AWS::Lambda::EventSourceMapping');
  const sourceType = (properties: unknown) =>
    resources[z.object({ EventSourceArn: reference }).parse(properties).EventSourceArn]?.Type;
  const fromQueues = mappings.filter((properties) => sourceType(properties) === 'AWS::SQS::Queue');
  const fromStreams = mappings.filter((properties) => !fromQueues.includes(properties));
  if (fromQueues.length !== 1) throw new Error(`${fromQueues.length} queues call functions, and not one`);
  return deploymentSettings.parse({
    functions: functionsOf(resources),
    streams: fromStreams.map((properties) => streamOf(resources, properties)),
    queue: queueOf(resources, fromQueues[0]),
    schedules: ofType(resources, 'AWS::Events::Rule').flatMap((found) => schedulesOf(resources, found)),
  });
}

function ofType(resources: Resources, type: string): unknown[] {
  return Object.values(resources).flatMap(({ Type, Properties }) => (Type === type ? [Properties] : []));
}

/** `zerokeeper-api` is `api`. */
function shortName(resources: Resources, id: string): string {
  const name = z.string().optional();
  const named = z.object({ FunctionName: name, TableName: name, QueueName: name });
  const { FunctionName, TableName, QueueName } = named.parse(resources[id]?.Properties);
  return (FunctionName ?? TableName ?? QueueName ?? '').replace(/^.*-/, '');
}

function functionsOf(resources: Resources) {
  const names = new Set(Object.keys(deploymentSettings.shape.functions.keyType.enum));
  const found = ofType(resources, 'AWS::Lambda::Function').map((properties) => {
    const { FunctionName, Timeout, MemorySize } = lambdaFunction.parse(properties);
    const name = FunctionName.replace(/^.*-/, '');
    const asynchronous = asynchronousOf(resources, name);
    return [name, { timeoutSeconds: Timeout, memoryMb: MemorySize, asynchronous }] as const;
  });
  return Object.fromEntries(found.filter(([name]) => names.has(name)));
}

/** What is not said is as Lambda's documentation says: two more attempts, for six hours at most. */
function asynchronousOf(resources: Resources, name: string) {
  const configs = ofType(resources, 'AWS::Lambda::EventInvokeConfig').map((one) =>
    eventInvokeConfig.parse(one),
  );
  const config = configs.find(({ FunctionName }) => shortName(resources, FunctionName) === name);
  return {
    retriesMax: config?.MaximumRetryAttempts ?? 2,
    ageSecondsMax: config?.MaximumEventAgeInSeconds ?? 21_600,
    ...failuresOf(resources, config?.DestinationConfig),
  };
}

function failuresOf(resources: Resources, id: string | undefined) {
  return id === undefined ? {} : { failures: shortName(resources, id) };
}

function streamOf(resources: Resources, properties: unknown) {
  const mapping = streamMapping.parse(properties);
  const filters = mapping.FilterCriteria?.Filters ?? [];
  return {
    table: shortName(resources, mapping.EventSourceArn),
    function: shortName(resources, mapping.FunctionName),
    batchRecordsMax: mapping.BatchSize,
    batchWindowSeconds: mapping.MaximumBatchingWindowInSeconds,
    filters: filters.map(({ Pattern }) => JSON.parse(Pattern) as unknown),
    bisect: mapping.BisectBatchOnFunctionError,
    retriesMax: mapping.MaximumRetryAttempts,
    recordAgeSecondsMax: mapping.MaximumRecordAgeInSeconds,
    ...failuresOf(resources, mapping.DestinationConfig),
  };
}

function queueOf(resources: Resources, properties: unknown) {
  const mapping = queueMapping.parse(properties);
  const source = queue.parse(resources[mapping.EventSourceArn]?.Properties);
  return {
    function: shortName(resources, mapping.FunctionName),
    batchMessagesMax: mapping.BatchSize,
    batchesMax: mapping.ScalingConfig.MaximumConcurrency,
    reportsFailures: mapping.FunctionResponseTypes.length > 0,
    visibilitySeconds: source.VisibilityTimeout,
    retentionSeconds: source.MessageRetentionPeriod,
    deliveriesMax: source.RedrivePolicy.maxReceiveCount,
  };
}

const UNIT_SECONDS: Readonly<Record<string, number>> = { minute: 60, hour: 3600, day: 86_400 };

function schedulesOf(resources: Resources, properties: unknown) {
  const { ScheduleExpression, Targets } = rule.parse(properties);
  const [, amount, unit = ''] = /^rate\((\d+) (minute|hour|day)s?\)$/.exec(ScheduleExpression) ?? [];
  // Of anything but a rate this is no number, which the schema refuses.
  const intervalSeconds = Number(amount) * (UNIT_SECONDS[unit] ?? NaN);
  return Targets.map(({ Arn }) => ({ function: shortName(resources, Arn), intervalSeconds }));
}
