import type { Mutation } from './mutations.js';

/** The mutated texts by file. Throws when a place that is to be changed is not there exactly once: the code has moved on. */
export function applied(mutation: Mutation, read: (file: string) => string): Map<string, string> {
  const texts = new Map<string, string>();
  for (const { file, find, replace } of mutation.edits) {
    const text = texts.get(file) ?? read(file);
    const parts = text.split(find);
    if (parts.length !== 2)
      throw new Error(`"${mutation.name}": its place is in ${file} ${parts.length - 1} times`);
    texts.set(file, parts.join(replace));
  }
  return texts;
}
