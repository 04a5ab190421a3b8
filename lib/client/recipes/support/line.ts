import { NoNodeError } from '../../index.js';
import { remove } from './cleanup.js';
import { join, lineOf, type Contender } from './names.js';
import { createProtected, type OwnNode, type WantedNode } from './protected-node.js';
import type { RecipeContext } from './recipe.js';
import { untilAnswered, untilTouched, withDeadline, type WaitOptions } from './waiting.js';

/** Whose departure the contender at `position` has to wait for; undefined when it is in. */
export type Blocker = (line: readonly Contender[], position: number) => Contender | undefined;

export interface LineInit extends Omit<WantedNode, 'signal'> {
  readonly blocker: Blocker;
  /** Leaves out children that stand in another line of the same directory. */
  readonly isIn?: (name: string) => boolean;
}

/** The one before, whoever it is: a lock. */
export const previous: Blocker = (line, position) => line[position - 1];

/**
 * Joins the line and waits until nobody is in the way. Each contender watches one other, so a departure wakes one. Leaves
 * nothing behind when it rejects. Whose znode is deleted while it waits joins again, at the end.
 */
export function lineUp(context: RecipeContext, init: LineInit, how: WaitOptions): Promise<OwnNode> {
  return withDeadline(context.client, { ...how, path: context.path }, (signal) =>
    context.waited(() => waitInLine(context, init, signal)),
  );
}

/** Joins the line if that needs no waiting; undefined when somebody is in the way, and nothing is left then. */
export async function lineUpIfFree(
  context: RecipeContext,
  init: LineInit,
  signal?: AbortSignal,
): Promise<OwnNode | undefined> {
  const node = await createProtected(context, { ...init, signal });
  try {
    const blocker = await findBlocker(context, init, { node, signal });
    if (blocker === undefined) {
      context.report({ name: 'acquired', durationMs: 0 });
      return node;
    }
  } catch (error) {
    context.cleanup.run(() => remove(context.client, node.path));
    throw error;
  }
  await remove(context.client, node.path);
  return undefined;
}

async function waitInLine(
  context: RecipeContext,
  init: LineInit,
  signal: AbortSignal | undefined,
): Promise<OwnNode> {
  for (;;) {
    const node = await createProtected(context, { ...init, signal });
    try {
      if (await waitForTurn(context, init, { node, signal })) return node;
    } catch (error) {
      context.cleanup.run(() => remove(context.client, node.path));
      throw error;
    }
    context.report({ name: 'rejoined' });
  }
}

interface Waiting {
  readonly node: OwnNode;
  readonly signal: AbortSignal | undefined;
}

/** False when the own znode is gone. */
async function waitForTurn(context: RecipeContext, init: LineInit, waiting: Waiting): Promise<boolean> {
  let { siblings } = waiting.node;
  for (;;) {
    const blocker = await findBlocker(context, init, { ...waiting, siblings });
    if (blocker === undefined) return true;
    if (blocker === 'gone') return false;
    await untilTouched(context.client, join(init.directory, blocker.name), waiting.signal);
    siblings = [];
  }
}

/** With the names that came along with the creation, or else with those of now. */
async function findBlocker(
  context: RecipeContext,
  init: LineInit,
  waiting: Waiting & { readonly siblings?: readonly string[] },
): Promise<Contender | 'gone' | undefined> {
  const { node, signal, siblings = node.siblings } = waiting;
  const names = siblings.includes(node.name) ? siblings : await namesIn(context, init.directory, signal);
  const line = lineOf(names, init.isIn);
  const position = line.findIndex(({ name }) => name === node.name);
  return position < 0 ? 'gone' : init.blocker(line, position);
}

/** The names in a directory; none when there is no directory. */
export async function namesIn(
  { client }: RecipeContext,
  directory: string,
  signal?: AbortSignal,
): Promise<readonly string[]> {
  try {
    const { children } = await untilAnswered(client, { path: directory, signal }, () =>
      client.getChildren(directory, { consistency: 'session', signal }),
    );
    return children;
  } catch (error) {
    if (error instanceof NoNodeError) return [];
    throw error;
  }
}

/** Who stands in the line, the first first, each with what it wrote. */
export async function lineWithData(
  context: RecipeContext,
  directory: string,
  isIn?: (name: string) => boolean,
): Promise<readonly { readonly name: string; readonly data: string }[]> {
  await untilAnswered(context.client, { path: directory }, () => context.client.sync(directory));
  const line = lineOf(await namesIn(context, directory), isIn);
  const read = line.map(async ({ name }) => {
    try {
      const { data } = await context.client.get(join(directory, name));
      return [{ name, data: new TextDecoder().decode(data) }];
    } catch (error) {
      // Gone since it was listed.
      if (error instanceof NoNodeError) return [];
      throw error;
    }
  });
  return (await Promise.all(read)).flat();
}
