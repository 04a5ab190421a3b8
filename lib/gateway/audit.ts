import type { Logger } from '../base/logger.js';
import { maskDigests } from '../core/acl.js';
import { Perms, type Acl, type AuthId, type SessionId } from '../core/types.js';
import { KeeperError, type WriteOutcome } from '../keeper/types.js';
import { CreateFlags } from '../wire/index.js';
import type { WireWrite } from './translate.js';

/** Of whom a record tells. */
export interface Actor {
  readonly session: SessionId;
  readonly address: string;
  readonly authIds: readonly AuthId[];
}

/** `invoked` when nobody knows how it ended. */
type Result = 'success' | 'failure' | 'invoked';

interface Change {
  readonly operation: string;
  readonly znode?: string | undefined;
  readonly znode_type?: string | undefined;
  readonly acl?: string;
}

const TYPES: ReadonlyMap<number, string> = new Map([
  [CreateFlags.persistent, 'persistent'],
  [CreateFlags.ephemeral, 'ephemeral'],
  [CreateFlags.persistentSequential, 'persistent_sequential'],
  [CreateFlags.ephemeralSequential, 'ephemeral_sequential'],
  [CreateFlags.container, 'container'],
  [CreateFlags.ttl, 'persistent_with_ttl'],
  [CreateFlags.ttlSequential, 'persistent_sequential_with_ttl'],
]);

const LETTERS = [
  [Perms.create, 'c'],
  [Perms.delete, 'd'],
  [Perms.read, 'r'],
  [Perms.write, 'w'],
  [Perms.admin, 'a'],
] as const;

/**
 * Who changed what, from where, and how that ended: one record a change, with ZooKeeper's fields. What a session's end removes is
 * told by the gateway that owned the session.
 */
export class AuditLog {
  readonly #logger: Logger;
  readonly #server: string;

  /** `server` is who the gateway itself is, for what it does on its own. */
  constructor(logger: Logger, server: string) {
    this.#logger = logger;
    this.#server = server;
  }

  serverStarts(): void {
    this.#record({ user: this.#server, operation: 'serverStart', result: 'success' });
  }

  /** Told before it stops: nothing could be told afterwards. */
  serverStops(): void {
    this.#record({ user: this.#server, operation: 'serverStop', result: 'invoked' });
  }

  sessionEnded(session: SessionId, ephemerals: readonly string[]): void {
    for (const znode of ephemerals) {
      const operation = 'ephemeralZNodeDeletionOnSessionCloseOrExpire';
      this.#record({
        session: hexadecimal(session),
        user: this.#server,
        operation,
        znode,
        result: 'success',
      });
    }
  }

  write(actor: Actor, wire: WireWrite, outcome: WriteOutcome | KeeperError): void {
    const result = resultOf(outcome);
    for (const change of changesOf(wire, outcome, result)) {
      this.#record({
        session: hexadecimal(actor.session),
        user: actor.authIds.map(userOf).join(','),
        ip: actor.address,
        ...change,
        result,
      });
    }
  }

  #record(fields: Readonly<Record<string, string | undefined>> & { readonly result: Result }): void {
    if (fields.result === 'failure') this.#logger.error('audit', fields);
    else this.#logger.info('audit', fields);
  }
}

function resultOf(outcome: WriteOutcome | KeeperError): Result {
  if (outcome instanceof KeeperError) return outcome.maybeApplied ? 'invoked' : 'failure';
  return outcome.ok ? 'success' : 'failure';
}

/** A multi that is done is told operation by operation, one that is not as a whole. */
function changesOf(wire: WireWrite, outcome: WriteOutcome | KeeperError, result: Result): readonly Change[] {
  if (wire.name !== 'multi') return [changeOf(wire, pathOf(outcome))];
  if (result !== 'success') return [{ operation: 'multiOperation' }];
  const paths = multiPathsOf(outcome);
  return wire.body.operations.flatMap(({ name, request }, index): Change[] => {
    if (name === 'check') return [];
    if (!('flags' in request)) return [{ operation: name, znode: request.path }];
    const znode = paths[index] ?? request.path;
    return [{ operation: 'create', znode, znode_type: TYPES.get(request.flags) }];
  });
}

function changeOf(wire: Exclude<WireWrite, { name: 'multi' }>, created: string | undefined): Change {
  const znode = wire.body.path;
  switch (wire.name) {
    case 'delete':
    case 'setData':
      return { operation: wire.name, znode };
    case 'setAcl':
      return { operation: 'setAcl', znode, acl: maskDigests(wire.body.acl).map(aclText).join(',') };
    case 'create':
    case 'create2':
    case 'createContainer':
    case 'createTtl':
      return { operation: 'create', znode: created ?? znode, znode_type: TYPES.get(wire.body.flags) };
  }
}

/** The path that a create ended up with: a sequential one has a number. */
function pathOf(outcome: WriteOutcome | KeeperError): string | undefined {
  if (outcome instanceof KeeperError || !outcome.ok) return undefined;
  return 'path' in outcome.result ? outcome.result.path : undefined;
}

function multiPathsOf(outcome: WriteOutcome | KeeperError): readonly (string | undefined)[] {
  if (outcome instanceof KeeperError || !outcome.ok) return [];
  if (outcome.result.kind !== 'multi') return [];
  return outcome.result.results.map((result) => ('path' in result ? result.path : undefined));
}

/** Of a digest the user alone, as ZooKeeper names people. */
function userOf({ scheme, id }: AuthId): string {
  return scheme === 'digest' ? id.replace(/:.*/s, '') : id;
}

function aclText({ scheme, id, perms }: Acl): string {
  const letters = LETTERS.filter(([bit]) => (perms & bit) !== 0).map(([, letter]) => letter);
  return `${scheme}:${id}:${letters.join('')}`;
}

function hexadecimal(session: SessionId): string {
  return `0x${session.toString(16)}`;
}
