import { operationName } from '../../lib/wire/index.js';
import type { Difference } from './compare.js';
import type { AnyCall, Program, Step } from './program.js';

/** Characters of data that are shown. */
const SHOWN_MAX = 20;

/** A program line by line, and where two servers part. */
export function printDifference({
  program,
  difference,
}: {
  program: Program;
  difference: Difference;
}): string {
  const steps = program.steps.map((step, index) => {
    const mark = index === difference.step ? '>' : ' ';
    return `${mark} ${printStep(step)}`;
  });
  return [
    ...steps,
    `  at step ${difference.step + 1} of ${program.steps.length}, session ${difference.session}:`,
    `    ZooKeeper   ${difference.zookeeper ?? 'nothing'}`,
    `    ZeroKeeper  ${difference.zerokeeper ?? 'nothing'}`,
  ].join('\n');
}

function printStep(step: Step): string {
  const { kind, session, ...rest } = step;
  if (step.kind !== 'send') return `${session}: ${kind} ${JSON.stringify(rest)}`;
  return `${session}: ${step.calls.map(printCall).join('; ')}`;
}

function printCall(call: AnyCall): string {
  if (call.name === 'raw')
    return `opcode ${call.opcode} (${operationName(call.opcode) ?? 'none'}) with ${call.bytes || 'no bytes'}`;
  const { name, body, ...rest } = call;
  const options = Object.keys(rest).length === 0 ? '' : ` ${JSON.stringify(rest)}`;
  return `${name} ${JSON.stringify(body, readable)}${options}`;
}

function readable(_: string, value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (
    typeof value === 'object' &&
    value !== null &&
    'type' in value &&
    value.type === 'Buffer' &&
    'data' in value
  ) {
    const text = Buffer.from(value.data as number[]).toString('latin1');
    return text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}… (${text.length})` : text;
  }
  return value;
}
