import type { TableName } from '../../log/store.js';
import { TABLE_NAMES, TABLES } from '../../log/tables.js';
import type { Inspector, TableFacts } from '../inspector.js';
import { ok, problem, unanswered, warning, type Finding } from './finding.js';

/** Whether the four tables are there, and set up as the system needs them. */
export async function checkTables(inspector: Inspector): Promise<Finding[]> {
  const findings = await Promise.all(TABLE_NAMES.map((name) => checkTable(inspector, name)));
  return findings.flat();
}

async function checkTable(inspector: Inspector, name: TableName): Promise<Finding[]> {
  const subject = `table ${name}`;
  try {
    const findings = problemsOf(name, await inspector.table(name));
    return findings.length > 0 ? findings : [ok(subject, 'is there and set up as it should be')];
  } catch (error) {
    return [
      unanswered(
        subject,
        error,
        'Deploy the stack, or name the right region, account and table prefix (--table-prefix).',
      ),
    ];
  }
}

/** What each switched-off thing leads to: the reader has to know how urgent it is. */
const WITHOUT_STREAM: Partial<Record<TableName, string>> = {
  log: 'materialize and notify are woken by the schedule alone, once a minute: rows lag, and watches fire late',
  leases: 'sessions whose lease was removed are found by the sweep alone',
};

function problemsOf(name: TableName, facts: TableFacts): Finding[] {
  const subject = `table ${name}`;
  const { partitionKey, sortKey, stream, ttl } = TABLES[name];
  const findings: Finding[] = [];
  if (facts.status !== 'ACTIVE') {
    findings.push(problem(subject, `is ${facts.status}`, 'Wait until it is ACTIVE, and ask again.'));
  }
  if (facts.partitionKey !== partitionKey.name || facts.sortKey !== sortKey.name) {
    const keys = `its keys are ${facts.partitionKey} and ${facts.sortKey}, not ${partitionKey.name} and ${sortKey.name}`;
    findings.push(problem(subject, keys, 'It is not a table of ZeroKeeper: look at the table prefix.'));
  }
  if (stream !== undefined && facts.stream !== stream) {
    const state = facts.stream === undefined ? 'its stream is off' : `its stream shows ${facts.stream}`;
    findings.push(problem(subject, `${state}: ${WITHOUT_STREAM[name] ?? ''}`, streamAdvice(stream)));
  }
  if (ttl !== undefined && facts.ttl !== ttl) {
    const state = facts.ttl === undefined ? 'time to live is off' : `time to live is by ${facts.ttl}`;
    const advice = `Switch it on for the attribute ${ttl} (aws dynamodb update-time-to-live), or deploy the stack again.`;
    findings.push(problem(subject, `${state}: rows that are due stay for good, and cost storage`, advice));
  }
  return [...findings, ...protectionOf(subject, facts)];
}

function streamAdvice(view: string): string {
  return (
    `Switch it on with view type ${view}, and deploy the stack again: a new stream has a new ARN, ` +
    'so the event source mappings of the functions have to be made anew.'
  );
}

function protectionOf(subject: string, facts: TableFacts): Finding[] {
  const findings: Finding[] = [];
  if (facts.pointInTimeRecovery === false) {
    findings.push(
      warning(subject, 'has no point-in-time recovery', 'Switch it on, or there is nothing to restore from.'),
    );
  }
  if (!facts.deletionProtection) {
    findings.push(
      warning(
        subject,
        'can be deleted by one call',
        'Switch deletion protection on, unless the deployment is to be thrown away.',
      ),
    );
  }
  return findings;
}
