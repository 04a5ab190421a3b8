import { BadArgumentsError, ErrorCode, NoNodeError, type Data, type Watch } from '../../index.js';
import { namesIn } from './line.js';
import { join, sequenceOf } from './names.js';
import { createDirectory } from './protected-node.js';
import type { RecipeContext } from './recipe.js';
import { sessionOver, untilAnswered } from './waiting.js';

export interface PriorityOptions {
  /** An integer from 0, the most urgent, to 999. Default 100. */
  readonly priority?: number;
}

const PRIORITY_DEFAULT = 100;
const PRIORITY_MAX = 999;
/** Names taken from one listing, at most: what comes meanwhile and is more urgent waits no longer than for these. */
const PAGE_ENTRIES_MAX = 100;

/** Kazoo's names: by their characters they stand in the order in which they are to be taken. */
export function entryPrefix({ priority = PRIORITY_DEFAULT }: PriorityOptions): string {
  if (!Number.isInteger(priority) || priority < 0 || priority > PRIORITY_MAX) {
    const message = `a priority is an integer from 0 to ${PRIORITY_MAX}, but this is ${priority}`;
    throw new BadArgumentsError({ code: ErrorCode.BadArguments, message });
  }
  return `entry-${String(priority).padStart(3, '0')}-`;
}

/** Adds an item; the directory is created if it is missing. */
export async function putEntry(
  context: RecipeContext,
  directory: string,
  { item, ...options }: PriorityOptions & { readonly item: Data },
): Promise<void> {
  const { client, acl } = context;
  const start = join(directory, entryPrefix(options));
  for (;;) {
    try {
      await client.create(start, item, { ...acl, mode: 'persistentSequential' });
      return;
    } catch (error) {
      if (!(error instanceof NoNodeError)) throw error;
      await createDirectory(context, directory);
    }
  }
}

export function entriesOf(names: readonly string[]): string[] {
  return names.filter((name) => name.startsWith('entry-') && sequenceOf(name) !== undefined).sort();
}

/** The names of a queue's items, in order, of which a listing gives many. */
export class EntryPages {
  readonly #context: RecipeContext;
  readonly #directory: string;
  #page: string[] = [];

  constructor(context: RecipeContext, directory: string) {
    this.#context = context;
    this.#directory = directory;
  }

  /** The next name; somebody else may have taken it since it was listed. Waits until there is one. */
  async next(signal: AbortSignal | undefined): Promise<string> {
    for (;;) {
      const name = this.#page.shift();
      if (name !== undefined) return name;
      this.#page = await this.#list(signal);
    }
  }

  async #list(signal: AbortSignal | undefined): Promise<string[]> {
    const present = entriesOf(await namesIn(this.#context, this.#directory, signal));
    if (present.length > 0) return present.slice(0, PAGE_ENTRIES_MAX);
    await using watch = await watchChildren(this.#context, this.#directory, signal);
    const now = entriesOf(await namesIn(this.#context, this.#directory, signal));
    if (now.length === 0 && (await watch.next()).done === true) throw sessionOver(this.#directory);
    return now.slice(0, PAGE_ENTRIES_MAX);
  }
}

/** A watch of a directory's children; the directory is created if it is missing. */
export async function watchChildren(
  context: RecipeContext,
  directory: string,
  signal: AbortSignal | undefined,
): Promise<Watch> {
  const { client } = context;
  for (;;) {
    try {
      return await untilAnswered(client, { path: directory, signal }, () =>
        client.watch(directory, { type: 'children', signal }),
      );
    } catch (error) {
      if (!(error instanceof NoNodeError)) throw error;
      await createDirectory(context, directory, { signal });
    }
  }
}
