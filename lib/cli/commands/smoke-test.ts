import { systemClock } from '../../base/clock.js';
import { systemRandom } from '../../base/random.js';
import { connectTo } from '../../client/connect.js';
import { resolveOptions } from '../../client/deployment/resolve.js';
import type { ClientOptions, StackOptions } from '../../client/options.js';
import { smokeTest, type SmokeStep } from '../../operations/smoke-test.js';
import { UsageError, type Command, type Invocation } from '../command.js';
import { DEPLOYMENT_HELP, DEPLOYMENT_OPTIONS, setting, stackOptions } from '../deployment.js';
import { toJson } from '../format.js';

/** What says in the environment that it is not the server of the other commands that is meant. */
const PLACES = ['STACK_OUTPUTS', 'TRANSPORT', 'FUNCTION_NAME', 'FUNCTION_URL', 'TABLE_PREFIX'];

export const command: Command = {
  name: 'smoke-test',
  usage: '[--outputs FILE] [--transport lambda|direct|tcp]',
  summary: 'try on a deployment what applications live by',
  details: `  Writes, reads, watches, transactions, and the end of sessions, below a znode of its own that is gone
  afterwards. Takes some seconds, because it waits for a session to expire. Without --outputs and
  --transport, and nothing in the environment, it connects to --server.

${DEPLOYMENT_HELP}
  --transport NAME lambda, direct or tcp ($ZEROKEEPER_TRANSPORT)`,
  options: { ...DEPLOYMENT_OPTIONS, transport: { type: 'string' } },
  argumentsMax: 0,
  async run(invocation) {
    const place = await resolveOptions(placeOf(invocation), invocation.io.env);
    const connect = (options: ClientOptions) =>
      connectTo({ connectTimeoutMs: invocation.timeoutMs, clock: systemClock, ...place, ...options });
    const onStep = (step: SmokeStep) => invocation.io.stdout(invocation.json ? toJson(step) : line(step));
    const steps = await smokeTest({ connect, clock: systemClock, random: systemRandom, onStep });
    if (steps.every(({ failure }) => failure === undefined)) return 0;
    invocation.io.stderr(
      'The deployment does not work as it should: "zerokeeper doctor" looks for the cause.\n',
    );
    return 1;
  },
};

function placeOf(invocation: Invocation): StackOptions {
  const transport = setting(invocation, 'transport', 'TRANSPORT');
  const isNamed = PLACES.some((place) => invocation.io.env[`ZEROKEEPER_${place}`] !== undefined);
  if (transport === undefined && invocation.text('outputs') === undefined && !isNamed)
    return server(invocation);
  if (transport === 'tcp') return server(invocation);
  if (transport !== undefined && transport !== 'lambda' && transport !== 'direct') {
    throw new UsageError(`--transport wants lambda, direct or tcp, not ${transport}`);
  }
  return { ...stackOptions(invocation), ...(transport === undefined ? {} : { transport }) };
}

/** As all the other commands connect. */
function server(invocation: Invocation): StackOptions {
  return { transport: 'tcp', servers: invocation.server };
}

function line({ name, tookMs, warning, failure }: SmokeStep): string {
  if (failure !== undefined) return `FAILED  ${name} (${tookMs} ms): ${failure}\n`;
  return warning === undefined
    ? `ok      ${name} (${tookMs} ms)\n`
    : `slow    ${name} (${tookMs} ms): ${warning}\n`;
}
