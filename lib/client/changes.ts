import { holdProcess } from '../base/process.js';
import { ErrorCode } from '../core/errors.js';
import { aborted, type CallOptions } from './calls.js';
import type { ClientCore } from './core.js';
import type { ZeroKeeperError } from './errors.js';
import { UnsupportedError } from './errors.js';
import { expectResult } from './results.js';
import type { Change } from './transport.js';

/** Where changes are followed from. */
export interface ChangesOptions {
  /** Changes after this zxid: that of a read, or of the last change that was dealt with in full. */
  readonly since: number;
  /** Also everything below the znode. Default false. */
  readonly recursive?: boolean;
  /** Ends the iteration with AbortedError. */
  readonly signal?: AbortSignal;
}

/** The znode's changes, page by page; at the end it waits for a hint that there is more. */
export async function* changesOf(
  core: ClientCore,
  path: string,
  options: ChangesOptions,
): AsyncGenerator<Change, undefined> {
  if (!core.transport.capabilities.changes) {
    const message = `${core.transport.kind} cannot tell changes since a zxid`;
    throw new UnsupportedError({ code: ErrorCode.Unimplemented, path, message });
  }
  const { signal } = options;
  const stop = signal === undefined ? core.ended : AbortSignal.any([signal, core.ended]);
  let since = options.since;
  const release = holdProcess();
  try {
    for (;;) {
      const page = await changesPage(core, path, { ...options, since, signal: stop });
      for (const change of page.changes) yield { ...change, path: core.toCaller(change.path) };
      const caughtUp = page.until <= since || page.until >= page.zxid;
      since = Math.max(since, page.until);
      if (caughtUp) await core.transport.beyond(since, stop);
    }
  } catch (error) {
    if (signal?.aborted === true) throw aborted(path, { signal, maybeApplied: false });
    if (core.state === 'closed') return undefined;
    if (core.ended.aborted) throw core.ended.reason as ZeroKeeperError;
    throw error;
  } finally {
    release();
  }
}

function changesPage(
  core: ClientCore,
  path: string,
  options: { readonly since: number; readonly recursive?: boolean } & CallOptions,
): Promise<{ changes: readonly Change[]; until: number; zxid: number }> {
  const { since, recursive = false, signal } = options;
  return core.call({
    path,
    // Until the iteration ends: a disconnect, however long, is no reason to stop following.
    options: { signal, timeoutMs: Infinity },
    prepare: () => ({ kind: 'changes', path: core.toServer(path), since, recursive }),
    result: (answer) => {
      const { changes, until } = expectResult(answer, 'changes');
      return { changes, until, zxid: answer.zxid };
    },
  });
}
