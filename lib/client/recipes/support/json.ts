import { InvalidJsonError, type JsonSchema } from '../../index.js';

/** Throws InvalidJsonError when the data is no JSON in UTF-8, or the schema refuses it. */
export function decodeJson<T>(
  data: Uint8Array,
  { path, schema }: { readonly path: string; readonly schema?: JsonSchema<T> | undefined },
): T {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(data));
    if (schema === undefined) return value as T;
    return typeof schema === 'function' ? schema(value) : schema.parse(value);
  } catch (cause) {
    throw new InvalidJsonError({ code: 0, path, cause, message: 'the data is not what is expected here' });
  }
}
