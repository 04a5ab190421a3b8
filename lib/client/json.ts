import { InvalidJsonError } from './errors.js';

/** Checks (and may change) what was parsed: a function that throws, or something with `parse`, such as a zod schema. */
export type JsonSchema<T> = ((value: unknown) => T) | { parse(value: unknown): T };

/** Throws InvalidJsonError when the value has no JSON (undefined, a bigint, a cycle). */
export function encodeJson(value: unknown, path: string): Uint8Array {
  try {
    // undefined and functions have no JSON, whatever the types of JSON.stringify say.
    const text: unknown = JSON.stringify(value);
    if (typeof text !== 'string') throw new TypeError(`a value of type ${typeof value} has no JSON`);
    return new TextEncoder().encode(text);
  } catch (cause) {
    throw new InvalidJsonError({ code: 0, path, cause, message: 'the value has no JSON' });
  }
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
