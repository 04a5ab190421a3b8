import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { TABLE_NAMES } from '../log/tables.js';
import { FUNCTION_NAMES, type FunctionName } from './deployment.js';
import { EmulatorError } from './errors.js';
import { eventPattern } from './event-pattern.js';

const count = z.int().min(1);
const functionName = z.enum(Object.keys(FUNCTION_NAMES) as [FunctionName, ...FunctionName[]]);

/** Where goes what is given up: the short name of a queue. There is one such queue; nowhere when absent. */
const failures = z.literal('failures').optional();

/** Of calls that nobody waits for. */
const asynchronousSettings = z.strictObject({
  /** Attempts after the first. */
  retriesMax: z.int().min(0).max(2),
  ageSecondsMax: z.int().min(60).max(21_600),
  failures,
});

const functionSettings = z.strictObject({
  timeoutSeconds: count,
  memoryMb: count,
  asynchronous: asynchronousSettings,
});

const streamSettings = z.strictObject({
  table: z.enum(TABLE_NAMES),
  function: functionName,
  batchRecordsMax: count,
  batchWindowSeconds: z.int().min(0),
  /** A record is for the function when one of them matches; none stands for every record. */
  filters: z.array(eventPattern),
  /** Whether a batch that failed is delivered in halves. */
  bisect: z.boolean(),
  /** Attempts after the first. */
  retriesMax: z.int().min(0),
  recordAgeSecondsMax: count,
  failures,
});

const queueSettings = z.strictObject({
  function: functionName,
  batchMessagesMax: count.max(10),
  /** Batches under way at the same time. */
  batchesMax: count,
  /** Whether the function says which messages of a batch failed. */
  reportsFailures: z.boolean(),
  visibilitySeconds: count,
  retentionSeconds: count,
  /** Deliveries of a message before it is put aside. */
  deliveriesMax: count,
});

const scheduleSettings = z.strictObject({ function: functionName, intervalSeconds: count });

/** What the synthesized template says of the functions and of what calls them. */
export const deploymentSettings = z.strictObject({
  functions: z.record(functionName, functionSettings),
  streams: z.array(streamSettings).min(1),
  /** Of the timers. */
  queue: queueSettings,
  schedules: z.array(scheduleSettings).min(1),
});

export type DeploymentSettings = z.infer<typeof deploymentSettings>;
export type AsynchronousSettings = z.infer<typeof asynchronousSettings>;
export type StreamSettings = z.infer<typeof streamSettings>;
export type QueueSettings = z.infer<typeof queueSettings>;

/** Where `npm run build` writes it, as seen from the sources and from the compiled sources. */
const PLACES = ['../../dist/deployment.json', '../../deployment.json'];

/** As `npm run build` took them from the template. Throws {@link EmulatorError} `SettingsMissing`. */
export function readDeploymentSettings(
  places = PLACES.map((place) => new URL(place, import.meta.url)),
): DeploymentSettings {
  const file = places.find((place) => existsSync(place));
  if (file === undefined) {
    const expected = places.map((place) => fileURLToPath(place)).join(' nor ');
    throw new EmulatorError('SettingsMissing', `there is no ${expected}: run npm run build`);
  }
  const parsed = deploymentSettings.safeParse(parsedJson(readFileSync(file, 'utf8')));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const problem = `${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`;
  throw new EmulatorError(
    'SettingsMissing',
    `${fileURLToPath(file)} is unusable (${problem}): run npm run build`,
  );
}

/** Undefined, which no schema accepts, for what is no JSON. */
function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
