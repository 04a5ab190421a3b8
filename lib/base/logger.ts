/** How grave an event is. `debug` is for people who follow one connection, `error` for what an operator must look at. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** What is known about an event. Bigints are written as decimal strings, errors as their name, message and code. */
export type LogFields = Readonly<Record<string, unknown>>;

/** A structured logger as a parameter: one event per call, a constant message, everything variable in the fields. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger that adds `fields` to each of its events. */
  with(fields: LogFields): Logger;
}

const RANK: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

/**
 * Writes one JSON object per line: `time` (ISO 8601), `level`, `message`, then the fields. Events below `level` are
 * dropped. `write` gets the line with its newline.
 */
export function jsonLogger(options: {
  readonly level: LogLevel;
  readonly now: () => number;
  readonly write: (line: string) => void;
  readonly fields?: LogFields;
}): Logger {
  const log = (level: LogLevel, message: string, fields?: LogFields) => {
    if (RANK[level] < RANK[options.level]) return;
    const time = new Date(options.now()).toISOString();
    const event = { time, level, message, ...options.fields, ...fields };
    options.write(JSON.stringify(event, plain) + '\n');
  };
  return {
    debug: (message, fields) => log('debug', message, fields),
    info: (message, fields) => log('info', message, fields),
    warn: (message, fields) => log('warn', message, fields),
    error: (message, fields) => log('error', message, fields),
    with: (fields) => jsonLogger({ ...options, fields: { ...options.fields, ...fields } }),
  };
}

/** JSON has no bigint, and an Error's own fields are not enumerable. */
function plain(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (!(value instanceof Error)) return value;
  const { code } = value as { code?: unknown };
  return {
    name: value.name,
    message: value.message,
    ...(code === undefined ? {} : { code }),
    ...(value.cause === undefined ? {} : { cause: value.cause }),
  };
}

/** Drops everything. */
export const silentLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  with: () => silentLogger,
};
