import { count, examine, type Finding, type Level } from '../../operations/doctor/index.js';
import type { Command } from '../command.js';
import { DEPLOYMENT_HELP, DEPLOYMENT_OPTIONS, deploymentOf, setting } from '../deployment.js';
import { toJson } from '../format.js';

const TABLE_PREFIX_DEFAULT = 'zerokeeper';

export const command: Command = {
  name: 'doctor',
  usage: '[--outputs FILE] [--table-prefix PREFIX] [--region REGION]',
  summary: 'look for what keeps a deployment from working',
  details: `  Tables, streams, time to live, functions and what wakes them, how far materialize and notify are behind,
  permissions, this machine's clock. Changes nothing. Exit code 1 when there is a problem; what could not
  be found out is told, and counts as none.

${DEPLOYMENT_HELP}
  --table-prefix   the tables are called PREFIX-log and so on ($ZEROKEEPER_TABLE_PREFIX; zerokeeper)
  --region         default: the stack's, or $AWS_REGION
  --endpoint URL   of a DynamoDB other than AWS's own
  --writes         also whether this identity may write the tables, as gateways and clients over direct do`,
  options: {
    ...DEPLOYMENT_OPTIONS,
    'table-prefix': { type: 'string' },
    region: { type: 'string' },
    endpoint: { type: 'string' },
    writes: { type: 'boolean' },
  },
  argumentsMax: 0,
  async run(invocation) {
    const deployment = await deploymentOf(invocation);
    const named = setting(invocation, 'namespace', 'NAMESPACE');
    const deployed = deployment?.namespaces ?? [];
    const { awsPatient } = await import('../../operations/aws-patient.js');
    const findings = await examine(
      awsPatient({
        region: setting(invocation, 'region', 'REGION') ?? deployment?.region,
        endpoint: invocation.text('endpoint'),
        tablePrefix:
          setting(invocation, 'table-prefix', 'TABLE_PREFIX') ??
          deployment?.tablePrefix ??
          TABLE_PREFIX_DEFAULT,
        namespaces: named === undefined ? namesOf(deployed) : [named],
        clientFunction: (deployed.find(({ name }) => name === named) ?? deployed[0])?.functionName,
        writes: invocation.flag('writes'),
      }),
    );
    const { stdout } = invocation.io;
    for (const finding of findings) stdout(invocation.json ? toJson(finding) : text(finding));
    if (!invocation.json) stdout(summary(findings));
    return count(findings, 'problem') > 0 ? 1 : 0;
  },
};

function namesOf(deployed: readonly { readonly name: string }[]): readonly string[] {
  return deployed.length === 0 ? ['default'] : deployed.map(({ name }) => name);
}

const LABELS: Readonly<Record<Level, string>> = {
  ok: 'ok     ',
  warning: 'warning',
  problem: 'PROBLEM',
  unknown: 'unknown',
};

function text({ level, subject, text: said, advice }: Finding): string {
  const what = `${LABELS[level]} ${subject}: ${said}\n`;
  return advice === undefined ? what : `${what}        → ${advice}\n`;
}

function summary(findings: readonly Finding[]): string {
  const problems = count(findings, 'problem');
  const others = `${count(findings, 'warning')} warnings, ${count(findings, 'unknown')} could not be found out`;
  return problems === 0 ? `No problem found (${others}).\n` : `${problems} problems (${others}).\n`;
}
