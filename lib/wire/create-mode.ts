import type { Acl, CreateMode } from '../core/types.js';
import { CreateFlags } from './constants.js';
import type { WireCreateRequest } from './operations/create.js';
import type { CreateTtlRequest } from './operations/create-ttl.js';
import type { WireMultiOperation } from './operations/multi.js';

/** A create as an application means it. */
export interface CreateOfMode {
  readonly path: string;
  readonly data: Uint8Array;
  readonly acl: readonly Acl[];
  readonly mode: CreateMode;
  /** Ms, with the modes `ttl` and `ttlSequential`. */
  readonly ttlMs?: number | undefined;
}

/** The operation that creates with a mode: there is one for containers, one for znodes with a time to live, and one for all others. */
export type WireCreate =
  | { readonly name: 'create2' | 'createContainer'; readonly request: WireCreateRequest }
  | { readonly name: 'createTtl'; readonly request: CreateTtlRequest };

/** A time that is missing is sent as one that cannot be, which servers refuse with BadArguments. */
export function wireCreate({ path, data, acl, mode, ttlMs }: CreateOfMode): WireCreate {
  const request = { path, data, acl, flags: CreateFlags[mode] };
  if (mode === 'container') return { name: 'createContainer', request };
  if (mode === 'ttl' || mode === 'ttlSequential') {
    return { name: 'createTtl', request: { ...request, ttlMs: ttlMs ?? 0 } };
  }
  return { name: 'create2', request };
}

/** The same inside a multi, where servers answer create2 as if it were create. */
export function wireCreateInMulti(create: CreateOfMode): WireMultiOperation {
  const wire = wireCreate(create);
  return wire.name === 'create2' ? { name: 'create', request: wire.request } : wire;
}
