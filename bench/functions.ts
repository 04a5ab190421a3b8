/**
 * `npm run bench:functions`: what the functions take, for their memory and time in cdk/constructs/functions.ts. Each bundle is loaded into a process of its own and works
 * on the same tables in the local engine: a log of {@link ZNODES} creates with 1 KB each.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { systemClock } from '../lib/base/clock.js';
import { systemRandom } from '../lib/base/random.js';
import { NO_SESSION, OPEN_ACL } from '../lib/core/types.js';
import { startEngine } from '../lib/emulator/engine.js';
import { createTables } from '../lib/emulator/tables.js';
import { Keeper } from '../lib/keeper/keeper.js';
import { createDynamoClient } from '../lib/log/dynamo-client.js';
import { DynamoStore } from '../lib/log/dynamo-store.js';

const ZNODES = 20_000;
const ROUNDS = 20;
/** Znodes that one request to `api` reads. */
const READS = 100;
const PREFIX = 'bench';
const NAMESPACE = 'default';
const SCHEDULED = { 'detail-type': 'Scheduled Event', source: 'aws.events' };

/** The session that a connection names. */
const PASSWORD = Buffer.alloc(16, 7);
const SESSION = {
  ...({ kind: 'createSession', session: 5n, owner: 'bench', attachId: '01', timeoutMs: 30_000 } as const),
  passwordHash: createHash('sha256').update(PASSWORD).digest(),
};
const HELLO = {
  requestContext: { routeKey: '$default', connectionId: 'connection', stage: NAMESPACE },
  body: JSON.stringify({ action: 'attach', session: '5', epoch: 1, password: PASSWORD.toString('base64') }),
};

/** Runs in the child. */
const SCRIPT = `
const [module, kind] = process.argv.slice(1);
const context = { awsRequestId: 'r', invokedFunctionArn: 'arn:aws:lambda:us-east-1:0:function:f', functionName: 'f', getRemainingTimeInMillis: () => 60_000 };
const { handler } = await import(module);
const times = [];
const event = JSON.parse(kind);
for (let round = 0; round < ${ROUNDS}; round++) {
  const begun = performance.now();
  const answer = await handler(event, context);
  if ((answer?.statusCode ?? 200) !== 200) throw new Error('it refused: ' + JSON.stringify(answer));
  times.push(performance.now() - begun);
}
const sorted = times.slice(1).sort((a, b) => a - b);
console.log(JSON.stringify({ firstMs: times[0], medianMs: sorted[sorted.length >> 1], maxMb: process.resourceUsage().maxRSS / 1024 }));
process.exit(0);
`;

interface Measured {
  readonly firstMs: number;
  readonly medianMs: number;
  readonly maxMb: number;
}

async function measure(name: string, event: unknown, environment: NodeJS.ProcessEnv): Promise<Measured> {
  const module = pathToFileURL(
    fileURLToPath(new URL(`../dist/functions-bundles/${name}/index.mjs`, import.meta.url)),
  );
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--input-type=module', '-e', SCRIPT, module.href, JSON.stringify(event)],
    { env: { ...process.env, ...environment }, maxBuffer: 64 * 1024 * 1024 },
  );
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Measured;
}

async function fill(endpoint: string): Promise<void> {
  const client = createDynamoClient({ endpoint });
  await createTables({ client, prefix: PREFIX });
  const store = new DynamoStore({ client, tablePrefix: PREFIX });
  const keeper = new Keeper({ store, namespace: NAMESPACE, clock: systemClock, random: systemRandom });
  const origin = { session: NO_SESSION, epoch: 0, authIds: [] };
  await keeper.write(SESSION, origin);
  const data = new Uint8Array(1024);
  for (let from = 0; from < ZNODES; from += 1000) {
    const writes = Array.from({ length: 1000 }, (_, index) =>
      keeper.write(
        { kind: 'create', path: `/n${from + index}`, data, acl: OPEN_ACL, mode: 'persistent' },
        origin,
      ),
    );
    await Promise.all(writes);
  }
  await keeper.stop();
  client.destroy();
}

const engine = await startEngine();
try {
  await fill(engine.endpoint);
  const environment = {
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local',
    AWS_REGION: 'us-east-1',
    AWS_ENDPOINT_URL_DYNAMODB: engine.endpoint,
    AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
    POWERTOOLS_LOG_LEVEL: 'ERROR',
    POWERTOOLS_METRICS_DISABLED: 'true',
    ZEROKEEPER_TABLE_PREFIX: PREFIX,
    ZEROKEEPER_NAMESPACES: NAMESPACE,
  };
  const reads = Array.from({ length: READS }, (_, index) => ({ op: 'getData', path: `/n${index}` }));
  const rows: [string, unknown][] = [
    ['materialize', SCHEDULED],
    ['notify', SCHEDULED],
    // Before the sweep, which ends a session that nobody looks after.
    ['connect', HELLO],
    ['expire', SCHEDULED],
    ['api', { v: 1, type: 'batch', seen: 0, operations: reads }],
  ];
  process.stdout.write(
    `a log of ${ZNODES} creates of 1 KB; the first call has all of it before it; api reads ${READS} znodes a call\n`,
  );
  process.stdout.write(
    '| function | first call, ms | a later one, ms | memory at most, MB |\n| --- | --- | --- | --- |\n',
  );
  for (const [name, event] of rows) {
    const { firstMs, medianMs, maxMb } = await measure(name, event, environment);
    const cells = [firstMs.toFixed(0), medianMs.toFixed(1), maxMb.toFixed(0)];
    process.stdout.write(`| ${name} | ${cells.join(' | ')} |\n`);
  }
} finally {
  await engine.stop();
}
