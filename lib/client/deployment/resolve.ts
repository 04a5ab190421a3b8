import { ErrorCode } from '../../core/errors.js';
import { BadArgumentsError } from '../errors.js';
import type { DirectOptions, LambdaOptions, StackOptions, TcpOptions } from '../options.js';
import { readStackOutputs, type DeployedNamespace, type Deployment } from './outputs.js';

export type Environment = Readonly<Record<string, string | undefined>>;

type Resolved = TcpOptions | LambdaOptions | DirectOptions;

/** What is known of where to connect, from the stack's outputs and the environment together. */
interface Place {
  readonly transport?: string | undefined;
  readonly namespace?: string | undefined;
  readonly region?: string | undefined;
  readonly functionName?: string | undefined;
  readonly functionUrl?: string | undefined;
  readonly webSocketUrl?: string | undefined;
  readonly tablePrefix?: string | undefined;
  readonly servers?: string | undefined;
}

const TRANSPORTS = ['lambda', 'direct', 'tcp'] as const;
type TransportName = (typeof TRANSPORTS)[number];

/**
 * The options of one transport, from what the application says, then the environment, then the stack's outputs, in this order.
 *
 * @throws BadArgumentsError when they do not say where to connect, or name a namespace that the stack does not have.
 */
export async function resolveOptions(options: StackOptions, environment: Environment): Promise<Resolved> {
  const { stackOutputs, stack, ...others } = options;
  const outputs = stackOutputs ?? environment['ZEROKEEPER_STACK_OUTPUTS'];
  const deployment =
    outputs === undefined
      ? undefined
      : await readStackOutputs(outputs, stack ?? environment['ZEROKEEPER_STACK']);
  const place = placeOf({ options, environment, deployment });
  // `transport` and `namespace` are the same in both where the application names them.
  return { ...optionsOf(transportOf(place), place), ...others } as Resolved;
}

function placeOf(input: {
  readonly options: StackOptions;
  readonly environment: Environment;
  readonly deployment: Deployment | undefined;
}): Place {
  const { options, environment, deployment } = input;
  const named = options.namespace ?? environment['ZEROKEEPER_NAMESPACE'];
  const deployed = deployment === undefined ? undefined : namespaceIn(deployment, named);
  const variable = (name: string) => environment[`ZEROKEEPER_${name}`];
  return {
    transport: options.transport ?? variable('TRANSPORT'),
    namespace: named ?? deployed?.name,
    region: variable('REGION') ?? deployment?.region,
    functionName: variable('FUNCTION_NAME') ?? deployed?.functionName,
    functionUrl: variable('FUNCTION_URL') ?? deployed?.functionUrl,
    webSocketUrl: variable('WEBSOCKET_URL') ?? deployed?.webSocketUrl,
    tablePrefix: variable('TABLE_PREFIX') ?? deployment?.tablePrefix,
    servers: serversIn(options) ?? variable('SERVER') ?? deployed?.server,
  };
}

function serversIn({ servers }: StackOptions): string | undefined {
  return servers === undefined || typeof servers === 'string' ? servers : servers.join(',');
}

function namespaceIn(deployment: Deployment, name: string | undefined): DeployedNamespace {
  const { namespaces } = deployment;
  const found = name === undefined ? namespaces[0] : namespaces.find((namespace) => namespace.name === name);
  if (found !== undefined) return found;
  const known = namespaces.map((namespace) => namespace.name).join(', ');
  throw bad(`the stack has no namespace ${name ?? ''}: it has ${known}`);
}

function transportOf({ transport, functionName, functionUrl, tablePrefix, servers }: Place): TransportName {
  if (transport !== undefined) {
    const known = TRANSPORTS.find((name) => name === transport);
    if (known !== undefined) return known;
    throw bad(`there is no transport ${JSON.stringify(transport)}: there are ${TRANSPORTS.join(', ')}`);
  }
  if (functionName !== undefined || functionUrl !== undefined) return 'lambda';
  if (servers !== undefined) return 'tcp';
  if (tablePrefix !== undefined) return 'direct';
  throw bad(
    'nothing says where to connect: name a transport, or give stackOutputs, or set ZEROKEEPER_STACK_OUTPUTS, ' +
      'ZEROKEEPER_FUNCTION_NAME, ZEROKEEPER_FUNCTION_URL, ZEROKEEPER_SERVER or ZEROKEEPER_TABLE_PREFIX',
  );
}

function optionsOf(transport: TransportName, place: Place): Resolved {
  switch (transport) {
    case 'tcp':
      if (place.servers === undefined) throw bad('the transport tcp needs ZEROKEEPER_SERVER');
      return { transport, servers: place.servers };
    case 'direct':
      return { transport, ...pick(place, ['namespace', 'region', 'tablePrefix']) };
    case 'lambda':
      return { transport, ...lambdaPlace(place) };
  }
}

/** Invoke where there is a function's name; its URL only where there is nothing else, or it was asked for by itself. */
function lambdaPlace(
  place: Place,
): Partial<Record<'functionName' | 'functionUrl' | 'namespace' | 'region' | 'webSocketUrl', string>> {
  const where = place.functionName === undefined ? (['functionUrl'] as const) : (['functionName'] as const);
  return pick(place, [...where, 'namespace', 'region', 'webSocketUrl']);
}

/** Those of the properties that are known. */
function pick<Key extends keyof Place>(place: Place, keys: readonly Key[]): Partial<Record<Key, string>> {
  const known = keys.filter((key) => place[key] !== undefined);
  return Object.fromEntries(known.map((key) => [key, place[key]])) as Partial<Record<Key, string>>;
}

function bad(message: string): BadArgumentsError {
  return new BadArgumentsError({ code: ErrorCode.BadArguments, message });
}
