/** One use of what a recipe guards. Times are of one monotonic clock for all processes, in ms. */
export interface Access {
  readonly worker: number;
  readonly token: number;
  /** When the worker looked, just before, and found that it held the recipe. */
  readonly checkedMs: number;
  readonly sentMs: number;
}

/** Refuses whoever comes with an older token than it has seen: what a fenced resource does. */
export class FencedResource {
  #highest = 0;
  accepted = 0;
  refused = 0;

  access({ token }: Access): void {
    if (token < this.#highest) this.refused++;
    else this.accepted++;
    this.#highest = Math.max(this.#highest, token);
  }
}

interface Belief {
  readonly worker: number;
  readonly token: number;
  readonly fromMs: number;
  readonly untilMs: number;
}

/**
 * What is wrong with the uses of something that at most `limit` may hold at a time. A holder that found twice that it held it, held it in
 * between as well; more of them at one moment than may be is a violation, whether the resource would have refused somebody or not.
 */
export function misuses(accesses: readonly Access[], limit: number): readonly string[] {
  const beliefs = beliefsOf(accesses);
  const faults = sharedTokens(accesses);
  for (const one of beliefs) {
    const beside = beliefs.filter((other) => other.fromMs <= one.fromMs && one.fromMs <= other.untilMs);
    if (beside.length <= limit) continue;
    const who = beside.map(({ worker, token }) => `worker ${worker} by ${token}`);
    faults.push(`${beside.length} held it at ${one.fromMs.toFixed(1)} ms: ${who.join(', ')}`);
  }
  return limit === 1 ? [...faults, ...lateOnes(accesses)] : faults;
}

/** Of one at a time: who finds that it holds what a later one has used already was not told in time. */
function lateOnes(accesses: readonly Access[]): string[] {
  let latest: Access | undefined;
  return [...accesses]
    .sort((a, b) => a.sentMs - b.sentMs)
    .flatMap((access) => {
      if (latest !== undefined && access.token < latest.token && latest.sentMs < access.checkedMs) {
        const { worker, token } = access;
        return [
          `worker ${worker} believed in ${token} after worker ${latest.worker} had used ${latest.token}`,
        ];
      }
      if (latest === undefined || access.token > latest.token) latest = access;
      return [];
    });
}

function sharedTokens(accesses: readonly Access[]): string[] {
  const owners = new Map<number, number>();
  return accesses.flatMap(({ token, worker }) => {
    const owner = owners.get(token) ?? worker;
    owners.set(token, owner);
    return owner === worker ? [] : [`workers ${owner} and ${worker} were given the token ${token}`];
  });
}

function beliefsOf(accesses: readonly Access[]): readonly Belief[] {
  const beliefs = new Map<number, Belief>();
  for (const { worker, token, checkedMs } of accesses) {
    const known = beliefs.get(token);
    const fromMs = Math.min(checkedMs, known?.fromMs ?? checkedMs);
    const untilMs = Math.max(checkedMs, known?.untilMs ?? checkedMs);
    beliefs.set(token, { worker, token, fromMs, untilMs });
  }
  return [...beliefs.values()];
}
