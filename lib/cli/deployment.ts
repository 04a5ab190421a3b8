import type { StackOptions } from '../client/options.js';
import { readStackOutputs, type Deployment } from '../client/deployment/outputs.js';
import type { CliOptions, Invocation } from './command.js';

/** How commands that work on a deployment are told which. */
export const DEPLOYMENT_OPTIONS: CliOptions = {
  outputs: { type: 'string' },
  stack: { type: 'string' },
  namespace: { type: 'string' },
};

export const DEPLOYMENT_HELP = `  --outputs FILE   the stack's outputs, as "cdk deploy --outputs-file" writes them ($ZEROKEEPER_STACK_OUTPUTS)
  --stack NAME     which stack, where the file has several ($ZEROKEEPER_STACK)
  --namespace NAME the tree ($ZEROKEEPER_NAMESPACE; default: the stack's first)`;

/** An option, or the variable that stands for it. */
export function setting(invocation: Invocation, option: string, variable: string): string | undefined {
  return invocation.text(option) ?? invocation.io.env[`ZEROKEEPER_${variable}`];
}

/** The options of `connect` that the command line names. */
export function stackOptions(invocation: Invocation): StackOptions {
  const stackOutputs = setting(invocation, 'outputs', 'STACK_OUTPUTS');
  const stack = setting(invocation, 'stack', 'STACK');
  const namespace = setting(invocation, 'namespace', 'NAMESPACE');
  return {
    ...(stackOutputs === undefined ? {} : { stackOutputs }),
    ...(stack === undefined ? {} : { stack }),
    ...(namespace === undefined ? {} : { namespace }),
  };
}

/** The deployment that the command line or the environment names, if it names one. */
export async function deploymentOf(invocation: Invocation): Promise<Deployment | undefined> {
  const { stackOutputs, stack } = stackOptions(invocation);
  return stackOutputs === undefined ? undefined : readStackOutputs(stackOutputs, stack);
}
