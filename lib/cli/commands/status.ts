import { systemClock } from '../../base/clock.js';
import { askFourLetterWord, dialer, parseConnectString, type ServerAddress } from '../../client/tcp/index.js';
import type { Command, Invocation } from '../command.js';
import { formatTable, time, toJson } from '../format.js';

/** One gateway, as a gateway tells it in answer to `gwys`. */
interface GatewayRow {
  readonly gatewayId: string;
  readonly address: string;
  readonly role: string;
  readonly startedAtMs: number;
  readonly renewedAtMs: number;
  readonly head: number;
  readonly watermark: number;
  /** null: not known. */
  readonly lagMs: number | null;
  readonly sessions: number;
}

interface GatewaysAnswer {
  readonly namespace: string;
  readonly gateways: readonly GatewayRow[];
}

const HEADINGS = ['GATEWAY', 'ADDRESS', 'ROLE', 'HEAD', 'WATERMARK', 'LAG', 'SESSIONS', 'STARTED', 'RENEWED'];

export const command: Command = {
  name: 'status',
  usage: '',
  summary: 'show every live gateway of the namespace',
  details: `  HEAD is the zxid up to which a gateway has read the log, WATERMARK the zxid up to which the log
  has been materialized, LAG the age of the first entry beyond it. Any gateway can be asked: they
  know of each other. A real ZooKeeper answers for itself only, with what "srvr" says.`,
  options: {},
  argumentsMax: 0,
  async run(invocation) {
    const { servers } = parseConnectString(invocation.server);
    const failures: string[] = [];
    for (const address of servers) {
      try {
        invocation.io.stdout(await describe(address, invocation));
        return 0;
      } catch (error) {
        failures.push(error instanceof Error ? error.message || error.name : String(error));
      }
    }
    invocation.io.stderr(`ConnectionLoss: ${invocation.server} (${failures.join('; ')})\n`);
    return 1;
  },
};

async function describe(address: ServerAddress, invocation: Invocation): Promise<string> {
  const target = { address, dial: dialer(), clock: systemClock, timeoutMs: invocation.timeoutMs };
  const answer = parseGateways(await askFourLetterWord('gwys', target));
  if (answer !== undefined) return invocation.json ? toJson(answer) : formatGateways(answer);
  const srvr = await askFourLetterWord('srvr', target);
  if (srvr === '') throw new Error(`${address.host}:${address.port} does not answer srvr`);
  return invocation.json ? toJson({ server: `${address.host}:${address.port}`, srvr }) : srvr;
}

/** undefined: not an answer of a gateway. */
function parseGateways(text: string): GatewaysAnswer | undefined {
  if (!text.startsWith('{')) return undefined;
  try {
    return JSON.parse(text) as GatewaysAnswer;
  } catch (cause) {
    throw new Error('the answer to gwys is not JSON', { cause });
  }
}

function formatGateways({ namespace, gateways }: GatewaysAnswer): string {
  const rows = gateways.map((gateway) => [
    gateway.gatewayId,
    gateway.address,
    gateway.role,
    String(gateway.head),
    String(gateway.watermark),
    gateway.lagMs === null ? '?' : `${gateway.lagMs} ms`,
    String(gateway.sessions),
    time(gateway.startedAtMs),
    time(gateway.renewedAtMs),
  ]);
  return `namespace ${namespace}\n${formatTable(HEADINGS, rows)}`;
}
