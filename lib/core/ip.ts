const V4_PARTS = 4;
const V6_PARTS = 8;

/** Whether a text is an address, or a network in CIDR notation, as scheme `ip` takes it. */
export function isIpExpression(expression: string): boolean {
  return networkOf(expression) !== undefined;
}

/** Whether the address lies in the network. Addresses of IPv4 and IPv6 never match each other. */
export function ipMatches(address: string, expression: string): boolean {
  const network = networkOf(expression);
  const bytes = addressBytes(address);
  if (network === undefined || bytes?.length !== network.bytes.length) return false;
  return bytes.every((byte, index) => {
    const bits = Math.min(8, Math.max(0, network.bits - index * 8));
    const mask = (0xff << (8 - bits)) & 0xff;
    return (byte & mask) === ((network.bytes[index] ?? 0) & mask);
  });
}

function networkOf(expression: string): { bytes: readonly number[]; bits: number } | undefined {
  const slash = expression.indexOf('/');
  const bytes = addressBytes(slash < 0 ? expression : expression.slice(0, slash));
  if (bytes === undefined) return undefined;
  const bits = slash < 0 ? bytes.length * 8 : decimal(expression.slice(slash + 1));
  return bits === undefined || bits > bytes.length * 8 ? undefined : { bytes, bits };
}

function addressBytes(address: string): readonly number[] | undefined {
  return address.includes(':') ? v6Bytes(address) : v4Bytes(address);
}

function v4Bytes(address: string): readonly number[] | undefined {
  const parts = address.split('.').map(decimal);
  const valid = parts.length === V4_PARTS && parts.every((part) => part !== undefined && part <= 0xff);
  return valid ? (parts as number[]) : undefined;
}

function v6Bytes(address: string): readonly number[] | undefined {
  const halves = address.split('::');
  if (halves.length > 2) return undefined;
  const groups = halves.map((half) => (half === '' ? [] : half.split(':')));
  const [head = [], tail = []] = groups;
  const missing = V6_PARTS - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  const all = [...head, ...Array.from({ length: missing }, () => '0'), ...tail];
  if (!all.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return undefined;
  return all.flatMap((group) => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 0xff]);
}

function decimal(text: string): number | undefined {
  return /^\d{1,3}$/.test(text) ? Number(text) : undefined;
}
