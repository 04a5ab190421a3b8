import type { InvokeAnswer } from '../../../lib/client/transports/lambda/invoke.js';
import type { FaultRates } from './faults.js';
import { SimGateways } from './gateways.js';
import { Ground, SimulatedFault } from './ground.js';
import { SimLambda } from './lambda.js';
import type { SimProcess } from './process.js';
import { SIGNATURE_MS_MAX } from './store.js';
import { SimQueue, SimStreams, startSchedules } from './triggers.js';

/** All of ZeroKeeper but its clients, deployed in a simulated world. */
export class World {
  readonly ground: Ground;
  readonly lambda: SimLambda;
  readonly gateways: SimGateways;
  readonly #queue: SimQueue;

  constructor(options: { readonly seed: number; readonly rates: FaultRates; readonly gateways: number }) {
    const ground = new Ground(options.seed, options.rates);
    this.ground = ground;
    this.lambda = new SimLambda(ground, () => ({
      invokeLater: (from, name, event) => this.#network(from, () => this.lambda.invokeLater(name, event)),
      send: (from, message) => this.#network(from, () => this.#queue.send(message)),
      push: () => Promise.resolve('gone'),
    }));
    this.#queue = new SimQueue(ground, this.lambda);
    new SimStreams(ground, this.lambda);
    startSchedules(ground, this.lambda);
    this.gateways = new SimGateways(ground, options.gateways);
  }

  servers() {
    return Array.from({ length: this.gateways.count }, (_, index) => ({ host: 'gateway', port: index + 1 }));
  }

  /** A client's Invoke of `api`: requests and answers get lost, come twice and come late. */
  invokeApi(from: SimProcess, payload: Uint8Array): Promise<InvokeAnswer> {
    const { scheduler, dice, fires } = this.ground;
    return new Promise((resolve, reject) => {
      const refuse = (message: string, name?: string) => {
        const error = new SimulatedFault(message);
        from.after(dice.between(2, 40), () =>
          reject(name === undefined ? error : Object.assign(error, { name })),
        );
      };
      if (from.partitioned || fires('invokeLost', 0.02)) return; // silence, until the client gives up
      if (fires('invokeLost', 0.02)) {
        refuse('slow down', 'TooManyRequestsException');
        return;
      }
      const signedMs = scheduler.nowMs;
      const isTooOld = () => scheduler.nowMs - signedMs > SIGNATURE_MS_MAX;
      const event: unknown = JSON.parse(new TextDecoder().decode(payload));
      if (fires('invokeTwice', 0.03)) {
        scheduler.after(dice.between(5, 20_000), () => {
          if (isTooOld()) return;
          this.lambda
            .invoke('api', event)
            .catch((error: unknown) => this.ground.thrown('a late copy', error));
        });
      }
      const lost = fires('invokeLost', 0.03);
      scheduler.after(dice.between(2, 10), () => {
        if (isTooOld()) return;
        this.lambda.invoke('api', event).then(
          (outcome) => {
            if (lost) {
              refuse('the answer was lost');
              return;
            }
            const answer: InvokeAnswer = outcome.ok
              ? { payload: new TextEncoder().encode(JSON.stringify(outcome.answer)) }
              : { payload: new Uint8Array(), functionError: outcome.functionError };
            from.after(dice.between(2, 10), () => resolve(answer));
          },
          () => refuse('too many instances', 'TooManyRequestsException'),
        );
      });
    });
  }

  /** What a function sends to another service: it arrives and is confirmed, arrives only, or does not arrive. */
  #network(from: SimProcess, arrive: () => void): Promise<void> {
    const { scheduler, dice, fires } = this.ground;
    return new Promise((resolve, reject) => {
      const isLost = from.partitioned || fires('invokeLost', 0.03);
      const isConfirmed = !isLost && !fires('invokeLost', 0.02);
      if (!isLost) scheduler.after(dice.between(1, 5), arrive);
      from.after(dice.between(6, 12), () => {
        if (isConfirmed) resolve();
        else reject(new SimulatedFault('no answer'));
      });
    });
  }
}
