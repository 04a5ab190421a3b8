import { ROOT } from './program.js';

/** What a program's symbols stand for in one run of it. */
export interface Binding {
  readonly root: string;
  /** For the field `relativeZxid`. */
  readonly relative: number;
}

/** A copy of a request's body in which strings that begin with {@link ROOT} begin with the root instead. */
export function bind(body: unknown, binding: Binding): unknown {
  if (typeof body === 'string') return body.startsWith(ROOT) ? binding.root + body.slice(ROOT.length) : body;
  if (Array.isArray(body)) return body.map((element) => bind(element, binding));
  if (typeof body !== 'object' || body === null || body instanceof Uint8Array) return body;
  return Object.fromEntries(
    Object.entries(body).map(([key, value]: [string, unknown]) => [
      key,
      key === 'relativeZxid' ? binding.relative : bind(value, binding),
    ]),
  );
}
