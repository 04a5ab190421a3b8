/**
 * Whether a text is what a pattern says, as IAM's policies read ARNs: `*` is any number of characters, `?` is one. Takes time in
 * proportion to both lengths' product at most, whatever the pattern: it comes from users.
 */
export function matchesPattern(text: string, pattern: string): boolean {
  let at = 0;
  let next = 0;
  /** Where to go on when a character does not fit: behind the last `*`, which then takes one character more. */
  let star: { readonly next: number; at: number } | undefined;
  while (at < text.length) {
    const wanted = pattern[next];
    if (wanted === '*') {
      next += 1;
      star = { next, at };
    } else if (wanted !== undefined && (wanted === '?' || wanted === text[at])) {
      next += 1;
      at += 1;
    } else if (star !== undefined) {
      star.at += 1;
      ({ next, at } = star);
    } else {
      return false;
    }
  }
  return /^\**$/.test(pattern.slice(next));
}
