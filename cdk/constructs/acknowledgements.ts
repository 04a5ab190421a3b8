/**
 * What cdk-nag's AwsSolutions finds and is meant to be as it is, with the reason, each on the smallest construct that it is
 * about. Whoever does not use cdk-nag does not notice.
 */
import { Stack, Validations } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

export function acknowledge(construct: IConstruct, id: string, reason: string): void {
  Validations.of(construct).acknowledge({ id, reason });
}

export function acknowledgeUnscoped(role: IConstruct): void {
  acknowledge(
    role,
    'AwsSolutions-IAM5[Resource::*]',
    'xray:PutTraceSegments, xray:PutTelemetryRecords and dynamodb:ListStreams (of event sources) cannot be granted on single resources.',
  );
}

/** For a wildcard in one ARN, which cdk-nag names with what CloudFormation fills in as `<Name>`. */
export function acknowledgeResource(construct: IConstruct, arn: string, reason: string): void {
  const resolved: unknown = Stack.of(construct).resolve(arn);
  acknowledge(construct, `AwsSolutions-IAM5[Resource::${flattened(resolved)}]`, reason);
}

function flattened(resolved: unknown): string {
  if (typeof resolved === 'string') return resolved;
  const { Ref, 'Fn::Join': joined } = resolved as { Ref?: string; 'Fn::Join'?: [string, unknown[]] };
  if (Ref !== undefined) return `<${Ref}>`;
  return (joined?.[1] ?? []).map(flattened).join(joined?.[0]);
}
