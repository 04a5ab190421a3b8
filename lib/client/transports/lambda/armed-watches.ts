import type { ThinEvent } from '../../../wire/thin-protocol.js';
import type { TransportOperation } from '../../transport.js';

const KIND_OF = { getData: 'data', exists: 'exists', getChildren: 'children' } as const;

/** Which watches the function holds for the session: while there are any, events have to be asked for. */
export class ArmedWatches {
  readonly #keys = new Set<string>();

  get size(): number {
    return this.#keys.size;
  }

  /** Takes note of an operation that succeeded. Returns whether it armed or removed a watch. */
  done(operation: TransportOperation): boolean {
    if (operation.kind === 'addWatch') this.#keys.add(`${operation.type} ${operation.path}`);
    else if (operation.kind === 'removeWatch') this.#keys.delete(`${operation.type} ${operation.path}`);
    else if ('watch' in operation && operation.watch) {
      this.#keys.add(`${KIND_OF[operation.kind]} ${operation.path}`);
    } else return false;
    return true;
  }

  /** One-shot watches that fired are gone. */
  fired(event: ThinEvent): void {
    for (const kind of event.kinds) {
      if (kind !== 'persistent' && kind !== 'persistentRecursive') this.#keys.delete(`${kind} ${event.path}`);
    }
  }
}
