import type { CallRecord } from '../history.js';
import { SEQUENCE } from '../workload.js';
import type { Run } from './index.js';

interface Named {
  readonly call: CallRecord;
  readonly name: string;
}

/** Names of sequential znodes are unique, and rise: who asked after somebody else had been answered has the higher one. */
export function checkSequences({ history }: Run): readonly string[] {
  const faults: string[] = [];
  const named = history.calls.flatMap((call): Named[] => {
    const { operation, outcome } = call;
    if (operation.kind !== 'create' || operation.path !== `${SEQUENCE}/n-`) return [];
    if (outcome?.kind !== 'answer' || outcome.result.kind !== 'create') return [];
    return [{ call, name: outcome.result.path }];
  });
  named.sort((a, b) => (a.name < b.name ? -1 : 1));
  named.forEach(({ call, name }, index) => {
    if (!/^\/sequence\/n-\d{10}$/.test(name)) faults.push(`${name} is no name of a sequence`);
    if (named[index + 1]?.name === name) faults.push(`${name} was given twice`);
    for (const later of named.slice(index + 1)) {
      if (later.call.returned!.sequence < call.invoked.sequence) {
        faults.push(`${later.name} was given before ${name} was asked for`);
      }
    }
  });
  return faults;
}
