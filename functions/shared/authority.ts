import type { InvocationContext } from './namespaces.js';

/** Where the namespace of a call may come from beside the alias it was called by. */
export interface NamespaceAuthority {
  /** For calls without an alias. */
  readonly namespace: string;
  /** Callers without an alias may name a namespace themselves: everybody who may call the function may use all of them. */
  readonly payloadMayName: boolean;
}

/**
 * The namespace that a call is for (Tenancy): the alias that the function was called by, for IAM lets a caller use one and no
 * other; else the function's own; and what the request names only where that is allowed.
 */
export function namespaceOfCall(
  context: Pick<InvocationContext, 'invokedFunctionArn'> | undefined,
  request: unknown,
  authority: NamespaceAuthority,
): string {
  const alias = aliasOf(context?.invokedFunctionArn);
  if (alias !== undefined) return alias;
  if (!authority.payloadMayName || typeof request !== 'object' || request === null)
    return authority.namespace;
  const named = (request as { readonly namespace?: unknown }).namespace;
  return typeof named === 'string' && isNamespace(named) ? named : authority.namespace;
}

/** `arn:aws:lambda:REGION:ACCOUNT:function:NAME:ALIAS`; versions are numbers, and `$LATEST` is no alias. */
function aliasOf(arn: string | undefined): string | undefined {
  const qualifier = arn?.split(':')[7];
  if (qualifier === undefined || !/^[A-Za-z0-9_-]+$/.test(qualifier) || /^\d+$/.test(qualifier))
    return undefined;
  return qualifier;
}

/** Keys of all tables begin with the namespace, and `#` ends it. */
export function isNamespace(name: string): boolean {
  return /^[A-Za-z0-9_.-]{1,64}$/.test(name);
}
