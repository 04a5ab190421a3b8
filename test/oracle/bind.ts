import { QUOTAS, ROOT } from './program.js';

/** What a program's symbols stand for in one run of it. */
export interface Binding {
  readonly root: string;
  /** For the field `relativeZxid`. */
  readonly relative: number;
}

/** A copy of a request's body in which strings that begin with {@link ROOT} or {@link QUOTAS} have the root in its place. */
export function bind(body: unknown, binding: Binding): unknown {
  if (typeof body === 'string') return bindText(body, binding.root);
  if (Array.isArray(body)) return body.map((element) => bind(element, binding));
  if (typeof body !== 'object' || body === null || body instanceof Uint8Array) return body;
  return Object.fromEntries(
    Object.entries(body).map(([key, value]: [string, unknown]) => [
      key,
      key === 'relativeZxid' ? binding.relative : bind(value, binding),
    ]),
  );
}

function bindText(text: string, root: string): string {
  return text.startsWith(ROOT) || text.startsWith(QUOTAS) ? text.replace(ROOT, () => root) : text;
}
