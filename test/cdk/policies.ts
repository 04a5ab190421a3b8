/** The policies of a synthesized template, in words that can be compared and evaluated. */
import type { Template } from 'aws-cdk-lib/assertions';

export interface Statement {
  readonly Effect: 'Allow' | 'Deny';
  readonly Action: string | readonly string[];
  readonly Resource: unknown;
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
}

interface PolicyResource {
  readonly Properties: {
    readonly PolicyDocument: { readonly Statement: readonly Statement[] };
    readonly Roles?: readonly { readonly Ref: string }[];
  };
}

/** Statements of the role whose logical id matches. */
export function statementsOf(template: Template, role: RegExp): readonly Statement[] {
  const policies = Object.values(template.findResources('AWS::IAM::Policy')) as unknown as PolicyResource[];
  return policies
    .filter(({ Properties }) => Properties.Roles?.some(({ Ref }) => role.test(Ref)) === true)
    .flatMap(({ Properties }) => Properties.PolicyDocument.Statement);
}

export function actionsOf({ Action }: Statement): readonly string[] {
  return typeof Action === 'string' ? [Action] : Action;
}

/** A statement's resources, each as `log`, `timers`, `notify` and so on, or as it stands. */
export function resourcesOf(template: Template, { Resource }: Statement): readonly string[] {
  return (Array.isArray(Resource) ? (Resource as unknown[]) : [Resource]).map((one) => nameOf(template, one));
}

const NAMES = ['TableName', 'FunctionName', 'QueueName', 'Name'] as const;

function nameOf(template: Template, resource: unknown): string {
  if (typeof resource === 'string') return resource;
  const { Ref, 'Fn::GetAtt': attribute } = resource as { Ref?: string; 'Fn::GetAtt'?: readonly string[] };
  const id = Ref ?? attribute?.[0];
  const { Resources } = template.toJSON() as {
    Resources: Record<string, { Type: string; Properties?: Record<string, unknown> }>;
  };
  const found = id === undefined ? undefined : Resources[id];
  if (found === undefined) return JSON.stringify(resource);
  const name = NAMES.map((key) => found.Properties?.[key]).find(isText);
  const what = attribute?.[1] === 'StreamArn' ? 'stream of ' : '';
  return what + (name ?? found.Type).replace(/^zk-/, '');
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

/** One call of AWS, as IAM sees it. */
export interface Call {
  readonly action: string;
  readonly resource: string;
  /** Partition keys that a call of DynamoDB names. */
  readonly leadingKeys?: readonly string[];
}

/** Whether statements that only allow, allow a call: the operators that the template uses, and a throw for any other. */
export function isAllowed(template: Template, statements: readonly Statement[], call: Call): boolean {
  return statements.some((statement) => {
    if (statement.Effect !== 'Allow') throw new Error('a statement that denies is not evaluated here');
    return (
      actionsOf(statement).some((action) => like(action, call.action)) &&
      resourcesOf(template, statement).some((resource) => like(resource, call.resource)) &&
      Object.entries(statement.Condition ?? {}).every(([operator, keys]) => holds(operator, keys, call))
    );
  });
}

function holds(
  operator: string,
  keys: Readonly<Record<string, string | readonly string[]>>,
  call: Call,
): boolean {
  return Object.entries(keys).every(([key, wanted]) => {
    if (key !== 'dynamodb:LeadingKeys') throw new Error(`the condition key ${key} is not evaluated here`);
    const patterns = typeof wanted === 'string' ? [wanted] : wanted;
    const values = call.leadingKeys;
    if (operator === 'Null') return (values === undefined) === (patterns[0] === 'true');
    if (operator === 'ForAllValues:StringLike') {
      return (values ?? []).every((value) => patterns.some((pattern) => like(pattern, value)));
    }
    if (operator === 'ForAllValues:StringEquals')
      return (values ?? []).every((value) => patterns.includes(value));
    throw new Error(`the operator ${operator} is not evaluated here`);
  });
}

/** IAM's wildcards: `*` for anything, `?` for one character. */
function like(pattern: string, value: string): boolean {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`, 's').test(value);
}
