import { createServer } from 'node:net';
import { EmulatorError } from './errors.js';

/** Throws {@link EmulatorError} when nobody could listen there now. Port 0 is whichever is free. */
export async function assertFree(at: { host: string; port: number }): Promise<void> {
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(at.port, at.host, resolve);
    });
  } catch (error) {
    throw listenError(error, `${at.host}:${at.port}`);
  }
  await new Promise((resolve) => server.close(resolve));
}

/** What a failed listen means to whoever chose the address. */
export function listenError(error: unknown, at: string): EmulatorError {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'EADDRINUSE') {
    const advice = 'end it, or choose another port with --port';
    return new EmulatorError('PortTaken', `${at} is taken by another program: ${advice}`, { cause: error });
  }
  const advice = 'choose another address with --host and --port';
  return new EmulatorError('AddressUnusable', `cannot listen on ${at} (${message}): ${advice}`, {
    cause: error,
  });
}
