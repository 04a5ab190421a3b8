const DIRECTIVE = /\s*([A-Za-z0-9-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*))\s*(?:,|$)/gsy;

/** `name=value, name="quoted value"`, each name once, in lower case; `undefined` for anything else. */
export function parseDirectives(text: string): ReadonlyMap<string, string> | undefined {
  const found = new Map<string, string>();
  let end = 0;
  for (const match of text.matchAll(DIRECTIVE)) {
    const [whole, name = '', quoted, plain = ''] = match;
    const key = name.toLowerCase();
    if (found.has(key)) return undefined;
    found.set(key, quoted === undefined ? plain : quoted.replaceAll(/\\(.)/gs, '$1'));
    end = match.index + whole.length;
  }
  return end === text.length && found.size > 0 ? found : undefined;
}
