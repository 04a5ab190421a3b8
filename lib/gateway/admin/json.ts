/** A session's id is a number of 63 bits in ZooKeeper's answers, which JSON can write and a JavaScript number cannot hold. */
const MARK = '\u0000integer ';
const MARKED = /"\\u0000integer (-?\d+)"/g;

/** JSON, with bigints as numbers. */
export function toJson(value: unknown): string {
  const mark = (_: string, inner: unknown) => (typeof inner === 'bigint' ? `${MARK}${inner}` : inner);
  return `${JSON.stringify(value, mark, 2).replaceAll(MARKED, '$1')}\n`;
}
