/**
 * Runs the DynamoDB engine of the emulator: the `dynoxide` binary, a dependency of its own (`@dynoxide/linux-x64`).
 *
 * What was found out about version 1.2.1, for whoever builds on it:
 * - Streams have one shard, `shardId-00000001-TABLE`, which never closes: `NextShardIterator` is always there. An
 *   `EndingSequenceNumber` in DescribeStream is the highest number *as text* ("99", "999") and means nothing.
 *   Sequence numbers are 1, 2, 3 … TRIM_HORIZON, LATEST, AT_ and AFTER_SEQUENCE_NUMBER work, also on numbers long past.
 *   OLD_IMAGE brings `OldImage` and keys. A put that changes nothing makes a record too (DynamoDB makes none).
 *   Iterators are positions and do not expire, also over a restart with a data file.
 * - A data file survives kill -9: every put that had been answered was there again, and the stream went on.
 * - A sequential put of 0.5 KB takes about 2 ms in memory and 2.5 ms with a file on a busy two-core machine, most of it in
 *   the caller's SDK; 1000 at a time take 1.9 s and 3.2 s.
 * - Time to live can be enabled, also twice, but is not swept.
 * - `GET /` answers `healthy: …`; SIGTERM ends it with code 0.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { sleep, systemClock } from '../base/clock.js';

/** How long the engine may take until it answers, and to end when it is told to. */
export const ENGINE_READY_MS_MAX = 10_000;
export const ENGINE_STOP_MS_MAX = 3000;
const READY_POLL_MS = 20;
/** What is kept of what the engine printed, for the error message. */
const OUTPUT_CHARACTERS_MAX = 4000;

/** There is no engine for this machine, or it did not start. The message says what to do. */
export class EngineUnavailableError extends Error {
  override readonly name = 'EngineUnavailableError';
}

export interface EngineOptions {
  /** Where the tables are kept; in memory when left out. */
  readonly dataFile?: string;
  /** A free one when left out. */
  readonly port?: number;
  /** 127.0.0.1 when left out. The engine checks no credentials: think before it listens elsewhere. */
  readonly host?: string;
}

export interface EngineExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface Engine {
  /** http://HOST:PORT */
  readonly endpoint: string;
  readonly pid: number;
  /** Resolves when the process is gone, for whatever reason. */
  readonly exited: Promise<EngineExit>;
  /** Ends the engine, by force if it does not end by itself; resolves when it is gone. May be called again. */
  stop(): Promise<void>;
}

/**
 * Starts the engine and resolves when it answers. It dies with this process only if {@link Engine.stop} is called.
 *
 * @throws EngineUnavailableError
 */
export async function startEngine(options: EngineOptions = {}): Promise<Engine> {
  const binary = findBinary();
  const host = options.host ?? '127.0.0.1';
  const port = options.port ?? (await freePort(host));
  const flags = ['serve', '--host', host, '--port', String(port)];
  if (options.dataFile !== undefined) flags.push('--db-path', options.dataFile);
  const child = spawn(binary, flags, { stdio: ['ignore', 'pipe', 'pipe'] });
  const output = captureOutput(child);
  const exited = exitOf(child);
  const endpoint = `http://${host.includes(':') ? `[${host}]` : host}:${port}`;
  const ready = await Promise.race([untilHealthy(endpoint), exited.then(() => 'exited' as const)]);
  if (ready !== 'healthy' || child.pid === undefined) {
    await stopProcess(child, exited);
    const reason = ready === 'exited' ? 'ended at once' : `did not answer within ${ENGINE_READY_MS_MAX} ms`;
    throw new EngineUnavailableError(`the DynamoDB engine ${reason} on ${endpoint}: ${output().trim()}`);
  }
  return { endpoint, pid: child.pid, exited, stop: () => stopProcess(child, exited) };
}

function findBinary(): string {
  const name = `@dynoxide/${process.platform}-${process.arch}`;
  try {
    return join(dirname(createRequire(import.meta.url).resolve(`${name}/package.json`)), 'dynoxide');
  } catch (error) {
    throw new EngineUnavailableError(
      `there is no built-in DynamoDB engine on ${process.platform}-${process.arch} (package ${name} is not ` +
        'installed): give --endpoint with the URL of any DynamoDB, for example of DynamoDB Local',
      { cause: error },
    );
  }
}

/** A port that was free a moment ago. */
function freePort(host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, host, () => {
      const address = server.address();
      server.close(() => {
        if (address !== null && typeof address === 'object') resolve(address.port);
        else reject(new Error(`no port on ${host}`));
      });
    });
  });
}

/** Keeps the last of what the engine prints, and keeps its pipes from filling up. */
function captureOutput(child: ChildProcess): () => string {
  let text = '';
  const keep = (chunk: Buffer) => {
    text = (text + chunk.toString()).slice(-OUTPUT_CHARACTERS_MAX);
  };
  child.stdout?.on('data', keep);
  child.stderr?.on('data', keep);
  child.on('error', (error) => keep(Buffer.from(error.message)));
  return () => text;
}

/** A binary that cannot be run emits `error` and never `exit`. */
function exitOf(child: ChildProcess): Promise<EngineExit> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
    child.once('error', () => {
      if (child.pid === undefined) resolve({ code: null, signal: null });
    });
  });
}

async function untilHealthy(endpoint: string): Promise<'healthy' | 'silent'> {
  const endMs = systemClock.monotonic() + ENGINE_READY_MS_MAX;
  while (systemClock.monotonic() < endMs) {
    if (await answers(endpoint)) return 'healthy';
    await sleep(systemClock, READY_POLL_MS);
  }
  return 'silent';
}

/** Whether an HTTP server answers there at all; a DynamoDB of any make does so to `GET /`. */
async function answers(endpoint: string): Promise<boolean> {
  try {
    const response = await fetch(endpoint, { signal: AbortSignal.timeout(1000) });
    await response.arrayBuffer();
    return response.headers.get('server')?.startsWith('Dynoxide') ?? false;
  } catch {
    // Not listening yet, which is what is being waited for; the caller's deadline ends it.
    return false;
  }
}

async function stopProcess(child: ChildProcess, exited: Promise<EngineExit>): Promise<void> {
  child.kill('SIGTERM');
  const cancel = systemClock.after(ENGINE_STOP_MS_MAX, () => child.kill('SIGKILL'));
  await exited;
  cancel();
}
