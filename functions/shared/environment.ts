import { z } from 'zod';
import { MATERIALIZE_PARALLEL_MAX } from '../../lib/keeper/limits.js';
import { isNamespace } from './authority.js';
import { parseLogRetention } from './retention.js';

/** A variable that has a value it cannot have. */
export interface EnvironmentProblem {
  readonly variable: string;
  /** As it was set, cut where it is long. */
  readonly value: string;
  /** What would do, in words. */
  readonly expected: string;
}

/** Thrown while a function starts whose environment it cannot work with; names every variable that is wrong. */
export class EnvironmentError extends Error {
  override readonly name = 'EnvironmentError';
  readonly problems: readonly EnvironmentProblem[];

  constructor(problems: readonly EnvironmentProblem[]) {
    super(
      problems
        .map(({ variable, value, expected }) => `${variable} has to be ${expected}, and is ${value}`)
        .join('; '),
    );
    this.problems = problems;
  }
}

/** Characters of a value that an error repeats. */
const SHOWN_MAX = 100;

/** DynamoDB takes 255 characters, and the longest suffix is `-leases`. */
const TABLE_PREFIX = /^[A-Za-z0-9_.-]{1,248}$/;

/** A name, a part of an ARN or all of it, with or without an alias. */
const FUNCTION = /^[A-Za-z0-9:$_-]{1,170}$/;

const NAMESPACE = '1 to 64 letters, digits, "_", "." and "-"';

const text = (expected: string, accepts: (value: string) => boolean) =>
  z.string().refine(accepts, { error: expected });

const url = text('a URL that begins with http:// or https://', (value) => {
  if (!URL.canParse(value)) return false;
  return ['http:', 'https:'].includes(new URL(value).protocol);
});

const functionName = text('the name or ARN of a function', (value) => FUNCTION.test(value));

const namespaces = text(`names of namespaces (${NAMESPACE}), separated by commas`, (value) =>
  namesIn(value).every(isNamespace),
).transform(namesIn);

const logRetention = z
  .string()
  .optional()
  .transform((value, context) => {
    try {
      return parseLogRetention(value);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      context.addIssue({ code: 'custom', message: error.message });
      return z.NEVER;
    }
  });

/** What every function is told. */
const common = {
  ZEROKEEPER_TABLE_PREFIX: text('1 to 248 letters, digits, "_", "." and "-"', (value) =>
    TABLE_PREFIX.test(value),
  ).default('zerokeeper'),
  ZEROKEEPER_NAMESPACES: namespaces.default(['default']),
  AWS_ENDPOINT_URL: url.optional(),
  AWS_ENDPOINT_URL_DYNAMODB: url.optional(),
};

/** Of `api`, `materialize` and `expire`. */
export const functionEnvironment = z.object({
  ...common,
  AWS_ENDPOINT_URL_SQS: url.optional(),
  AWS_ENDPOINT_URL_LAMBDA: url.optional(),
  ZEROKEEPER_NAMESPACE: text(`the name of a namespace: ${NAMESPACE}`, isNamespace).optional(),
  ZEROKEEPER_NAMESPACE_IN_PAYLOAD: z.literal('allow', { error: '"allow" or not set' }).optional(),
  ZEROKEEPER_TIMER_QUEUE_URL: url.optional(),
  ZEROKEEPER_NOTIFY_FUNCTION: functionName.optional(),
  ZEROKEEPER_MATERIALIZE_FUNCTION: functionName.optional(),
  ZEROKEEPER_ENFORCE_QUOTA: z.enum(['true', 'false'], { error: '"true" or "false"' }).default('false'),
  ZEROKEEPER_LOG_RETENTION_DAYS: logRetention,
  ZEROKEEPER_MATERIALIZE_PARALLEL: text(
    `a whole number from 1 to ${MATERIALIZE_PARALLEL_MAX}`,
    (value) => /^[1-9]\d*$/.test(value) && Number(value) <= MATERIALIZE_PARALLEL_MAX,
  )
    .transform(Number)
    .optional(),
});

/** Of `notify` and `connect`. */
export const watchEnvironment = z.object({ ...common, ZEROKEEPER_PUSH_ENDPOINT: url.optional() });

export type FunctionEnvironment = z.output<typeof functionEnvironment>;
export type WatchEnvironment = z.output<typeof watchEnvironment>;

/** Throws {@link EnvironmentError} with all that is wrong. Variables that the schema does not know are not looked at. */
export function readEnvironment<Schema extends z.ZodType>(
  schema: Schema,
  environment: NodeJS.ProcessEnv,
): z.output<Schema> {
  const parsed = schema.safeParse(environment);
  if (parsed.success) return parsed.data;
  throw new EnvironmentError(
    parsed.error.issues.map(({ path, message }) => {
      const variable = String(path[0]);
      const value = JSON.stringify(environment[variable]?.slice(0, SHOWN_MAX) ?? null);
      return { variable, value, expected: message };
    }),
  );
}

function namesIn(value: string): string[] {
  return value.split(',').map((name) => name.trim());
}
