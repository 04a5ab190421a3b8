import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { ErrorCode } from '../../core/errors.js';
import { BadArgumentsError } from '../errors.js';

/**
 * The outputs of a ZeroKeeper stack, as whoever deployed it has them: an object of names and values, what
 * `cdk deploy --outputs-file` writes (such objects by the name of the stack), a list of CloudFormation's `OutputKey` and
 * `OutputValue`, or the whole answer of `aws cloudformation describe-stacks`.
 */
export type StackOutputs = Readonly<Record<string, unknown>> | readonly CloudFormationOutput[];

/** One output as CloudFormation describes it. */
export interface CloudFormationOutput {
  readonly OutputKey?: string | undefined;
  readonly OutputValue?: string | undefined;
}

/** One namespace of a deployment. */
export interface DeployedNamespace {
  readonly name: string;
  readonly functionName?: string;
  readonly functionUrl?: string;
  readonly webSocketUrl?: string;
  /** `servers` of the transport `tcp`, where the stack has gateways. */
  readonly server?: string;
}

/** What a stack tells its clients. */
export interface Deployment {
  readonly region?: string;
  readonly tablePrefix?: string;
  /** In the order of the stack; the first is the one that clients get which name none. */
  readonly namespaces: readonly DeployedNamespace[];
}

type Named = Readonly<Record<string, string>>;

const LISTED = z.array(z.object({ OutputKey: z.string(), OutputValue: z.string() }));
const FLAT = z.record(z.string(), z.string());
const DESCRIBED = z.object({ Stacks: z.array(z.object({ StackName: z.string(), Outputs: LISTED })) });
const BY_STACK = z.record(z.string(), FLAT);

/** What every ZeroKeeper stack has: by it the stack is found among the others of an app. */
const ALWAYS_THERE = 'FunctionName0';

/**
 * Reads a stack's outputs. A string is the path of a JSON file with them. `stack` is needed when there is more than one ZeroKeeper
 * stack among them.
 *
 * @throws BadArgumentsError when there is no such file, or no such stack in it.
 */
export async function readStackOutputs(outputs: StackOutputs | string, stack?: string): Promise<Deployment> {
  const value: unknown = typeof outputs === 'string' ? await readJson(outputs) : outputs;
  return deploymentOf(stackOf(byStack(value), stack));
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as unknown;
  } catch (error) {
    throw bad(`the stack's outputs cannot be read from ${path}: ${(error as Error).message}`, error);
  }
}

/** The outputs by the name of the stack; those of a stack without a name under ''. */
function byStack(value: unknown): ReadonlyMap<string, Named> {
  const described = DESCRIBED.safeParse(value);
  if (described.success) {
    return new Map(described.data.Stacks.map((stack) => [stack.StackName, ofList(stack.Outputs)]));
  }
  const listed = LISTED.safeParse(value);
  if (listed.success) return new Map([['', ofList(listed.data)]]);
  const flat = FLAT.safeParse(value);
  if (flat.success) return new Map([['', flat.data]]);
  const named = BY_STACK.safeParse(value);
  if (named.success) return new Map(Object.entries(named.data));
  throw bad('the stack outputs are neither names and values, nor what CloudFormation or the CDK write');
}

function ofList(outputs: z.infer<typeof LISTED>): Named {
  return Object.fromEntries(outputs.map((output) => [output.OutputKey, output.OutputValue]));
}

function stackOf(stacks: ReadonlyMap<string, Named>, wanted: string | undefined): Named {
  if (wanted !== undefined) {
    const outputs = stacks.get(wanted) ?? (stacks.size === 1 ? stacks.get('') : undefined);
    if (outputs !== undefined) return outputs;
    throw bad(`there is no stack ${wanted}: there are ${[...stacks.keys()].join(', ')}`);
  }
  const ours = [...stacks].filter(([, outputs]) => ALWAYS_THERE in outputs);
  const [first] = ours;
  if (first === undefined) throw bad(`no stack has the output ${ALWAYS_THERE}, which ZeroKeeper's has`);
  if (ours.length === 1) return first[1];
  throw bad(
    `there are several stacks, of which "stack" has to name one: ${ours.map(([name]) => name).join(', ')}`,
  );
}

function deploymentOf(outputs: Named): Deployment {
  const { Region: region, TablePrefix: tablePrefix } = outputs;
  return {
    ...(region === undefined ? {} : { region }),
    ...(tablePrefix === undefined ? {} : { tablePrefix }),
    namespaces: namespacesOf(outputs),
  };
}

/** Namespaces are numbered from 0 on. What they are called, their alias says: the last part of the function's ARN. */
function namespacesOf(outputs: Named): DeployedNamespace[] {
  const namespaces: DeployedNamespace[] = [];
  for (let index = 0; ; index++) {
    const functionName = outputs[`FunctionName${index}`];
    if (functionName === undefined) return namespaces;
    const name = functionName.split(':')[7];
    if (name === undefined || name === '') {
      throw bad(`the output FunctionName${index} is no ARN of an alias: ${functionName}`);
    }
    const found = {
      functionUrl: outputs[`FunctionUrl${index}`],
      webSocketUrl: outputs[`WebSocketUrl${index}`],
      server: outputs[`GatewayServer${index}`],
    };
    const known = Object.entries(found).filter(([, value]) => value !== undefined);
    namespaces.push({ name, functionName, ...Object.fromEntries(known) });
  }
}

function bad(message: string, cause?: unknown): BadArgumentsError {
  return new BadArgumentsError({ code: ErrorCode.BadArguments, message, cause });
}
