import { MessageChannel } from 'node:worker_threads';
import type { CliIo } from './command.js';

/** This process's standard streams, environment and signals. */
export function processIo(): CliIo {
  process.stdout.on('error', endOnClosedPipe);
  let signal: Promise<void> | undefined;
  return {
    stdout: (text) => process.stdout.write(text),
    stderr: (text) => process.stderr.write(text),
    stdin: readStdin,
    env: process.env,
    interrupted: () => (signal ??= untilSignal()),
  };
}

async function readStdin(): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks);
}

function untilSignal(): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGINT', () => resolve());
    process.once('SIGTERM', () => resolve());
  });
}

/**
 * Keeps the process alive until what it returns is called. Neither signal handlers nor the client's timers do, so a
 * command that waits for a server to come back would end in the middle.
 */
export function holdProcess(): () => void {
  const { port1 } = new MessageChannel();
  port1.ref();
  return () => port1.close();
}

/** Whoever read our output has seen enough, as in `zerokeeper ls -R / | head`. */
function endOnClosedPipe(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
}
