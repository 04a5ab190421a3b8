/**
 * A distributed lock whose holder stalls: it is told that it has lost the lock, and what it writes nevertheless is refused by
 * a store that checks fencing tokens.
 */
import { connect } from 'zerokeeper';
import { startEmulator } from 'zerokeeper/emulator';
import { Mutex } from 'zerokeeper/recipes';

/** Any store that can compare a number does: a conditional write in DynamoDB, an UPDATE … WHERE in SQL. */
class Store {
  #token = 0;

  write(text: string, token: number): void {
    if (token < this.#token) {
      console.log(`refused: "${text}", token ${token} is older than ${this.#token}`);
      return;
    }
    this.#token = token;
    console.log(`written: "${text}", with token ${token}`);
  }
}

await using emulator = await startEmulator();
const store = new Store();
let isCut = false;
const stalling = await connect({
  ...emulator.connectOptions('lambda'),
  invoke: async (payload, { signal }) => {
    if (isCut) throw new Error('the network is down');
    const url = `${emulator.endpoints.lambda}/2015-03-31/functions/${emulator.functionName}/invocations`;
    const response = await fetch(url, { method: 'POST', body: new Uint8Array(payload), signal });
    return { payload: new Uint8Array(await response.arrayBuffer()) };
  },
});
await using other = await connect(emulator.connectOptions('tcp'));

const lock = await new Mutex(stalling, '/locks/ledger').acquire();
lock.signal.addEventListener('abort', () => console.log('the first holder is told: stop'));
store.write('first', lock.fencingToken);

isCut = true;
const waiting = new Mutex(other, '/locks/ledger').acquire();
await emulator.advanceTime(60_000);
await using next = await waiting;
store.write('second', next.fencingToken);
store.write('first again, too late', lock.fencingToken);
await stalling.close();
