import type { FunctionFacts, Inspector } from '../inspector.js';
import { ok, problem, unanswered, warning, type Finding } from './finding.js';

/** The functions, and by the end of its ARN what has to wake each of them. */
const WOKEN_BY: Readonly<Record<string, readonly { what: string; pattern: RegExp }[]>> = {
  api: [],
  materialize: [{ what: "the log's stream", pattern: /:table\/[^/]+-log\/stream\// }],
  notify: [{ what: "the log's stream", pattern: /:table\/[^/]+-log\/stream\// }],
  expire: [
    { what: "the leases' stream", pattern: /:table\/[^/]+-leases\/stream\// },
    { what: 'the queue of timers', pattern: /^arn:[^:]+:sqs:.*-timers$/ },
  ],
  connect: [],
};

const DEPLOY = 'Deploy the stack again: it makes what is missing.';

export interface FunctionsContext {
  readonly inspector: Inspector;
  readonly tablePrefix: string;
  /** What clients invoke: the ARN of the namespace's alias. */
  readonly clientFunction?: string | undefined;
}

/** Whether the functions are there, configured for these tables, and woken by what has to wake them. */
export async function checkFunctions(context: FunctionsContext): Promise<Finding[]> {
  const names = Object.keys(WOKEN_BY);
  const all = await Promise.all([
    ...names.map((name) => checkFunction(context, name)),
    checkInvocation(context),
  ]);
  return all.flat();
}

async function checkFunction(context: FunctionsContext, name: string): Promise<Finding[]> {
  const subject = `function ${name}`;
  try {
    const facts = await context.inspector.fn(name);
    const findings = [
      ...problemsOf({ subject, name, facts }, context),
      ...(await checkSources(context, name)),
    ];
    return findings.length > 0 ? findings : [ok(subject, 'is configured, and woken by what should wake it')];
  } catch (error) {
    return [unanswered(subject, error, DEPLOY)];
  }
}

function problemsOf(
  { subject, name, facts }: { subject: string; name: string; facts: FunctionFacts },
  { tablePrefix }: FunctionsContext,
): Finding[] {
  const findings: Finding[] = [];
  const { state, problem: failed, environment, mayLoop } = facts;
  if (state !== 'Active' && state !== 'Inactive') {
    findings.push(
      problem(subject, `is ${state}`, 'Wait until it is Active; if it has failed, deploy the stack again.'),
    );
  }
  if (failed !== undefined) findings.push(problem(subject, `its last update failed: ${failed}`, DEPLOY));
  const prefix = environment['ZEROKEEPER_TABLE_PREFIX'] ?? 'zerokeeper';
  if (prefix !== tablePrefix) {
    const text = `works on the tables ${prefix}-…, not ${tablePrefix}-…`;
    findings.push(problem(subject, text, 'Name the right table prefix, or deploy the stack again.'));
  }
  if (name === 'expire' && mayLoop === false) {
    const text =
      'Lambda ends it when it calls itself by way of the queue: sessions expire by the sweep, up to a minute late';
    findings.push(
      problem(subject, text, 'Set its recursive loop detection to Allow, or deploy the stack again.'),
    );
  }
  return findings;
}

async function checkSources({ inspector }: FunctionsContext, name: string): Promise<Finding[]> {
  const wanted = WOKEN_BY[name] ?? [];
  if (wanted.length === 0) return [];
  const sources = await inspector.sources(name);
  return wanted.flatMap(({ what, pattern }) => {
    const subject = `function ${name}`;
    const source = sources.find(({ arn }) => pattern.test(arn));
    if (source === undefined) return [problem(subject, `is not woken by ${what}`, DEPLOY)];
    if (!['Enabled', 'Enabling', 'Creating', 'Updating'].includes(source.state)) {
      const advice = 'Enable its event source mapping (aws lambda update-event-source-mapping --enabled).';
      return [problem(subject, `its mapping to ${what} is ${source.state}`, advice)];
    }
    if (/PROBLEM|failed/i.test(source.lastResult)) {
      return [
        warning(subject, `the last batch of ${what}: ${source.lastResult}`, `Look into the log of ${name}.`),
      ];
    }
    return [];
  });
}

async function checkInvocation({ inspector, clientFunction }: FunctionsContext): Promise<Finding[]> {
  const subject = 'permission to invoke';
  const target = clientFunction ?? 'api';
  try {
    await inspector.mayInvoke(target);
    return [ok(subject, `this identity may invoke ${target}`)];
  } catch (error) {
    return [unanswered(subject, error, DEPLOY)];
  }
}
