import { createHash } from 'node:crypto';
import type { ThinWrite } from '../wire/thin-protocol.js';

/**
 * What makes two writes the same, 8 bytes in hex: of the operation without its number, in a form that does not depend on
 * the order in which a client's JSON happened to name the fields.
 */
export function digestOf(write: ThinWrite): string {
  return createHash('sha256')
    .update(canonical({ ...write, cxid: undefined }))
    .digest('hex')
    .slice(0, 16);
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const fields = Object.entries(value)
    .filter(([, field]) => field !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${canonical(field)}`).join(',')}}`;
}
