import { LambdaError } from './errors.js';

/** Made up, as every emulator's. */
export const REGION = 'us-east-1';
export const ACCOUNT = '000000000000';

export const LATEST = '$LATEST';

/** The version that aliases point to: there is only one. */
export const VERSION = '1';

export interface FunctionReference {
  readonly name: string;
  /** An alias or a version; `undefined` when none was named. */
  readonly qualifier: string | undefined;
}

/** `function`, `function:alias`, `account:function:name`, or an ARN, each with or without a qualifier. */
const REFERENCE =
  /^(?:(?:arn:aws[a-z-]*:lambda:[a-z0-9-]+:)?(?:\d{12}:)?function:)?([A-Za-z0-9_-]{1,64})(?::(\$LATEST|[A-Za-z0-9_-]{1,128}))?$/;

/**
 * Takes a function's name apart as Lambda's API takes it: a name, a partial or a whole ARN. Throws {@link LambdaError} for what
 * is neither, and when two different qualifiers are given.
 */
export function parseFunctionName(text: string, qualifier?: string): FunctionReference {
  const [, name, own] = REFERENCE.exec(text) ?? [];
  if (name === undefined) {
    throw new LambdaError('InvalidParameterValueException', `${JSON.stringify(text)} is no function's name`);
  }
  if (own !== undefined && qualifier !== undefined && own !== qualifier) {
    throw new LambdaError(
      'InvalidParameterValueException',
      'The derived qualifier from the function name does not match the specified qualifier.',
    );
  }
  return { name, qualifier: own ?? qualifier };
}

export function functionArn({ name, qualifier }: FunctionReference): string {
  const arn = `arn:aws:lambda:${REGION}:${ACCOUNT}:function:${name}`;
  return qualifier === undefined ? arn : `${arn}:${qualifier}`;
}
