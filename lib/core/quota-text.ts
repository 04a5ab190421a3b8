/** The text that limits and figures of quotas are kept as: ZooKeeper's StatsTrack. */

/** Others than these are kept as they are. −1 is none. */
export interface QuotaFigures {
  readonly count?: number;
  readonly bytes?: number;
  readonly countHardLimit?: number;
  readonly byteHardLimit?: number;
}

/** Pairs around an equals sign, between commas or semicolons. `undefined` for what is none of that. */
export function parseQuota(data: Uint8Array): QuotaFigures | undefined {
  const figures: Record<string, number> = {};
  for (const pair of new TextDecoder().decode(data).split(/[,;]+/)) {
    if (pair === '') continue;
    const [name = '', value] = pair.split('=');
    if (value === undefined) return undefined;
    const figure = value === '' ? -1 : Number(value);
    if (!/^[+-]?\d*$/.test(value) || !Number.isSafeInteger(figure)) return undefined;
    figures[name] = figure;
  }
  return figures;
}

/** count and bytes come first and always; the equals sign after them keeps old readers from what follows. */
export function formatQuota({ count = -1, bytes = -1, ...others }: QuotaFigures): string {
  const rest = Object.entries(others)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, figure]) => `;${name}=${String(figure)}`)
    .join('');
  return `count=${count},bytes=${bytes}${rest === '' ? '' : '=' + rest}`;
}

export function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
