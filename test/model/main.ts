/**
 * `npm run test:model`: explores the models to their ends and prints what was found; with `--all` those of half a million states
 * and more as well. With a word, only those whose names have it.
 */
import { parseArgs } from 'node:util';
import type { Case } from './cases.js';
import { CASES, MUTATIONS } from './cases.js';

const { values, positionals } = parseArgs({ allowPositionals: true, options: { all: { type: 'boolean' } } });
const isMeant = ({ name, isHuge }: Case) =>
  positionals.every((word) => name.includes(word)) && (isHuge !== true || values.all === true);
const print = (line: string) => void process.stdout.write(`${line}\n`);
let passed = 0;
let failed = 0;

const count = (isRight: boolean) => {
  if (isRight) passed++;
  else failed++;
  return isRight ? 'ok    ' : 'FAILED';
};

for (const { name, run } of CASES.filter(isMeant)) {
  const { states, transitions, ends, violation } = run();
  print(`${count(violation === undefined)} ${name}: ${states} states, ${transitions} steps, ${ends} ends`);
  if (violation !== undefined) print([violation.what, ...violation.run].join('\n         '));
}
for (const { name, run } of MUTATIONS.filter(isMeant)) {
  const { states, violation } = run();
  const found = violation?.what ?? 'nothing';
  print(`${count(violation !== undefined)} broken, ${name}: after ${states} states: ${found}`);
}
print(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
