import { OpCode } from '../../lib/wire/index.js';
import type { Choose } from './choose.js';
import type { RawCall } from './program.js';

/** Opcodes that no client's request has, beside those that servers alone send each other. */
const NO_OPERATIONS = [0, 10, 23, 99, 108, 1_000, -2, -9, 2_147_483_647] as const;

const NULL = 'ffffffff';

/** Bodies that are no request, or that say null where clients never do. */
const BODIES: readonly { readonly opcode: number; readonly bytes: string }[] = [
  { opcode: OpCode.getData, bytes: '' },
  { opcode: OpCode.getData, bytes: '0000' },
  { opcode: OpCode.getData, bytes: `${NULL}00` },
  { opcode: OpCode.getData, bytes: 'fffffffe00' },
  { opcode: OpCode.getData, bytes: '7fffffff2f' },
  { opcode: OpCode.exists, bytes: `${NULL}00` },
  { opcode: OpCode.getChildren, bytes: `${NULL}00` },
  { opcode: OpCode.getAcl, bytes: NULL },
  { opcode: OpCode.create, bytes: '' },
  { opcode: OpCode.create, bytes: `${NULL}${NULL}${NULL}00000000` },
  { opcode: OpCode.create, bytes: `${NULL}${NULL}7fffffff` },
  { opcode: OpCode.delete, bytes: `${NULL}ffffffff` },
  { opcode: OpCode.setData, bytes: `${NULL}${NULL}ffffffff` },
  { opcode: OpCode.sync, bytes: NULL },
  { opcode: OpCode.multi, bytes: '' },
  { opcode: OpCode.multi, bytes: '0000000100ffffffff' },
  { opcode: OpCode.multi, bytes: '0000000300ffffffff000000022f6100' },
  { opcode: OpCode.multiRead, bytes: '0000000300ffffffff000000022f6100ffffffff01ffffffff' },
  { opcode: OpCode.setWatches, bytes: '' },
  { opcode: OpCode.addWatch, bytes: '00' },
  { opcode: OpCode.auth, bytes: '' },
  { opcode: OpCode.deleteContainer, bytes: '' },
  { opcode: OpCode.error, bytes: '00000000' },
];

export function rawCall(choose: Choose): RawCall {
  if (choose.chance(0.3)) return { name: 'raw', opcode: choose.one(NO_OPERATIONS), bytes: '' };
  return { name: 'raw', ...choose.one(BODIES) };
}
