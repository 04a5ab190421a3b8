import { AddWatchMode, Xid } from '../../lib/wire/index.js';
import type { Choose } from './choose.js';
import type { AnyCall, Call, Resume, Step } from './program.js';

interface Watches {
  readonly dataWatches: string[];
  readonly existWatches: string[];
  readonly childWatches: string[];
  readonly persistentWatches: string[];
  readonly persistentRecursiveWatches: string[];
}

/** How a session comes back: with the zxid that it has seen, and with its watches, as clients do by themselves. */
export function comeBack(
  choose: Choose,
  { steps, session }: { steps: readonly Step[]; session: number },
): Step[] {
  const resume: Resume = {
    kind: 'resume',
    session,
    password: 'right',
    lastZxidSeen: 'seen',
    old: choose.one(['dropped', 'kept']),
  };
  const { persistentWatches, persistentRecursiveWatches, ...oneShot } = watchesOf(choose, { steps, session });
  const common = { xid: Xid.setWatches, relative: 'seen' } as const;
  const body = { relativeZxid: 0, ...oneShot };
  const isOld = persistentWatches.length + persistentRecursiveWatches.length === 0 && choose.chance(0.5);
  const call: Call = isOld
    ? { name: 'setWatches', ...common, body }
    : { name: 'setWatches2', ...common, body: { ...body, persistentWatches, persistentRecursiveWatches } };
  return [resume, { kind: 'send', session, calls: [call] }];
}

/** What the session has asked to watch since it was opened. Which of an exists' two kinds it became only the client would know. */
function watchesOf(choose: Choose, { steps, session }: { steps: readonly Step[]; session: number }): Watches {
  const watches: Watches = {
    dataWatches: [],
    existWatches: [],
    childWatches: [],
    persistentWatches: [],
    persistentRecursiveWatches: [],
  };
  const own = steps.filter((step) => step.session === session);
  const since = own.slice(own.findLastIndex(({ kind }) => kind === 'open'));
  for (const step of since) {
    if (step.kind !== 'send') continue;
    for (const call of step.calls) {
      const found = watchOf(choose, call);
      if (found !== undefined && !watches[found.kind].includes(found.path))
        watches[found.kind].push(found.path);
    }
  }
  return watches;
}

function watchOf(choose: Choose, call: AnyCall): { kind: keyof Watches; path: string } | undefined {
  if (call.name === 'addWatch') {
    const kind =
      call.body.mode === AddWatchMode.persistent ? 'persistentWatches' : 'persistentRecursiveWatches';
    return { kind, path: call.body.path };
  }
  if (call.name === 'raw' || !('watch' in call.body) || !call.body.watch) return undefined;
  if (call.name === 'exists')
    return { kind: choose.one(['dataWatches', 'existWatches']), path: call.body.path };
  return { kind: call.name === 'getData' ? 'dataWatches' : 'childWatches', path: call.body.path };
}
