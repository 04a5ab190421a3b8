import { InvalidJsonError } from './errors.js';

/** Checks (and may change) what was parsed: a function that throws, or something with `parse`, such as a zod schema. */
export type JsonSchema<T> = ((value: unknown) => T) | { parse(value: unknown): T };

/** Throws InvalidJsonError when the value has no JSON (undefined, a bigint, a cycle). */
export function encodeJson(value: unknown, path: string): Uint8Array {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (cause) {
    throw new InvalidJsonError({ code: 0, path, cause, message: 'the value has no JSON' });
  }
  if (text === undefined) throw new InvalidJsonError({ code: 0, path, message: 'the value has no JSON' });
  return new TextEncoder().encode(text);
}

/** Throws InvalidJsonError when the data is no JSON in UTF-8, or the schema refuses it. */
export function decodeJson<T>(
  data: Uint8Array,
  path: string,
  schema: JsonSchema<T> = (value) => value as T,
): T {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(data));
  } catch (cause) {
    throw new InvalidJsonError({ code: 0, path, cause, message: 'the data is no JSON' });
  }
  try {
    return typeof schema === 'function' ? schema(value) : schema.parse(value);
  } catch (cause) {
    throw new InvalidJsonError({ code: 0, path, cause, message: 'the schema refuses the data' });
  }
}
