import type { Clock } from '../../base/clock.js';
import type { Dial } from './channel.js';
import type { ServerAddress } from './servers.js';

/** No word of any server answers with more. */
export const WORD_ANSWER_BYTES_MAX = 4 * 1024 * 1024;

/** What {@link askFourLetterWord} needs besides the word. */
export interface WordTarget {
  readonly address: ServerAddress;
  readonly dial: Dial;
  readonly clock: Clock;
  readonly timeoutMs: number;
}

/**
 * Asks a server one of ZooKeeper's four-letter words, like `srvr`, and gives what it says before it hangs up: '' from
 * a server that does not know the word. Rejects when the server cannot be reached or takes too long.
 */
export function askFourLetterWord(word: string, target: WordTarget): Promise<string> {
  const { address, timeoutMs } = target;
  return new Promise((resolve, reject) => {
    const socket = target.dial(address);
    const chunks: Buffer[] = [];
    let bytes = 0;
    const cancel = target.clock.after(timeoutMs, () =>
      socket.destroy(new Error(`${address.host}:${address.port} did not answer in ${timeoutMs} ms`)),
    );
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > WORD_ANSWER_BYTES_MAX) socket.destroy(new Error(`the answer to ${word} has no end`));
    });
    socket.on('error', reject);
    socket.on('close', () => {
      cancel();
      // After an error this comes second and changes nothing.
      resolve(Buffer.concat(chunks).toString('utf8'));
    });
    socket.write(word);
  });
}
