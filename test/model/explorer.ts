/**
 * An explicit-state model checker: it visits every state that a model can reach, breadth first, so the first violation comes with a
 * shortest run that leads to it. States are plain JSON; their text is their identity.
 */
export interface Step<State> {
  /** What happens, for the run that is printed. */
  readonly name: string;
  /** Changes a copy of the state. */
  readonly change: (next: State) => void;
}

export interface Model<State> {
  readonly initial: State;
  /** Everything that may happen next. Without any the run has ended. */
  steps(state: State): Step<State>[];
  /** What is wrong in this state, in words; empty when nothing is. */
  violations(state: State): string[];
  /** What is wrong if a run ends here. */
  violationsAtEnd(state: State): string[];
}

export interface Exploration {
  readonly states: number;
  readonly transitions: number;
  /** States in which nothing more can happen. */
  readonly ends: number;
  readonly violation: { readonly what: string; readonly run: readonly string[] } | undefined;
}

/** A model that reaches more states than this is wrong about its bounds: it is an error, never a partial result. */
export const STATES_MAX = 3_000_000;

export function explore<State>(model: Model<State>): Exploration {
  const texts = [JSON.stringify(model.initial)];
  const known = new Map([[texts[0]!, 0]]);
  const parents = [-1];
  const names = [''];
  let transitions = 0;
  let ends = 0;
  const result = (violation?: Exploration['violation']): Exploration => ({
    states: texts.length,
    transitions,
    ends,
    violation,
  });
  for (let index = 0; index < texts.length; index++) {
    const state = JSON.parse(texts[index]!) as State;
    const steps = model.steps(state);
    const wrong = model.violations(state);
    if (steps.length === 0) {
      ends++;
      wrong.push(...model.violationsAtEnd(state));
    }
    if (wrong.length > 0) return result({ what: wrong.join('; '), run: runTo(index, parents, names) });
    for (const { name, change } of steps) {
      transitions++;
      const next = JSON.parse(texts[index]!) as State;
      change(next);
      const text = JSON.stringify(next);
      if (known.has(text)) continue;
      if (texts.length >= STATES_MAX) throw new Error(`more than ${STATES_MAX} states`);
      known.set(text, texts.length);
      texts.push(text);
      parents.push(index);
      names.push(name);
    }
  }
  return result();
}

function runTo(index: number, parents: readonly number[], names: readonly string[]): string[] {
  const run: string[] = [];
  for (let at = index; at > 0; at = parents[at]!) run.unshift(names[at]!);
  return run;
}
