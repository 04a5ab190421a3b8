import { isUtf8 } from 'node:buffer';
import type { Invocation } from './command.js';

/** The data argument at `index`: `-` reads it from standard input; left out it is empty. */
export async function dataArgument(invocation: Invocation, index: number): Promise<Uint8Array> {
  const text = invocation.positionals[index] ?? '';
  return text === '-' ? await invocation.io.stdin() : Buffer.from(text, 'utf8');
}

/** Data for JSON: as text when it is text, else in base64. */
export function dataForJson(data: Buffer): { data: string } | { dataBase64: string } {
  return isUtf8(data) ? { data: data.toString('utf8') } : { dataBase64: data.toString('base64') };
}
