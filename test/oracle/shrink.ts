import type { Program, Step } from './program.js';

/** Programs that shrinking tries at most. */
const TRIES_MAX = 400;

/**
 * Makes a program smaller while `fails` says that it still does: leaves out ever smaller runs of steps, then single calls, then
 * single operations of multis. Returns the smallest that failed; the given one when nothing can go.
 */
export async function shrink(
  program: Program,
  fails: (smaller: Program) => Promise<boolean>,
): Promise<Program> {
  let tries = 0;
  const attempt = async (smaller: Program) => (tries += 1) <= TRIES_MAX && fails(smaller);
  if (!(await attempt(program))) return program;
  let smallest = await dropRuns(program, attempt);
  for (let again = true; again && tries < TRIES_MAX;) {
    const before = smallest;
    smallest = await dropParts(smallest, attempt);
    smallest = await dropRuns(smallest, attempt);
    again = smallest !== before;
  }
  return smallest;
}

async function dropRuns(program: Program, fails: (smaller: Program) => Promise<boolean>): Promise<Program> {
  let current = program;
  for (let length = Math.ceil(current.steps.length / 2); length >= 1; length = Math.floor(length / 2)) {
    for (let at = 0; at < current.steps.length;) {
      const smaller = { ...current, steps: current.steps.toSpliced(at, length) };
      if (isComplete(smaller) && (await fails(smaller))) current = smaller;
      else at += length;
    }
  }
  return current;
}

async function dropParts(program: Program, fails: (smaller: Program) => Promise<boolean>): Promise<Program> {
  let current = program;
  for (let index = 0; index < current.steps.length; index++) {
    for (let variants = variantsOf(current.steps[index]); variants.length > 0;) {
      const [variant, ...others] = variants;
      if (variant === undefined) break;
      const smaller = { ...current, steps: current.steps.with(index, variant) };
      const failed = await fails(smaller);
      if (failed) current = smaller;
      variants = failed ? variantsOf(variant) : others;
    }
  }
  return current;
}

/** The step without one of its calls, or with one operation less in a multi. */
function variantsOf(step: Step | undefined): Step[] {
  if (step?.kind !== 'send') return [];
  const withoutCall = step.calls.length < 2 ? [] : step.calls.map((_, at) => step.calls.toSpliced(at, 1));
  const withoutOperation = step.calls.flatMap((call, at) => {
    if (call.name !== 'multi') return [];
    const { operations } = call.body;
    return operations.map((_, gone) =>
      step.calls.with(at, { ...call, body: { operations: operations.toSpliced(gone, 1) } }),
    );
  });
  return [...withoutCall, ...withoutOperation].map((calls) => ({ ...step, calls }));
}

/** Every session that a step uses has been opened by then. */
function isComplete(program: Program): boolean {
  const opened = new Set<number>();
  return program.steps.every((step) => {
    if (step.kind === 'open') opened.add(step.session);
    return opened.has(step.session);
  });
}
