import type { WatchTrigger } from '../core/types.js';
import {
  EventType,
  JuteWriter,
  KeeperState,
  operations,
  writeConnectResponse,
  writeHeaderReply,
  writeNotification,
  writeReplyMessage,
  type ConnectResponse,
  type Operation,
  type OperationName,
  type ReplyHeader,
  type ResponseOf,
} from '../wire/index.js';

/** The body of a reply, with the operation that it answers. */
export type ReplyBody = {
  [Name in OperationName]: { readonly name: Name; readonly body: ResponseOf<Name> };
}[OperationName];

/** Makes whole frames, one at a time. One of them serves all connections of a gateway. */
export class FrameWriter {
  readonly #writer = new JuteWriter();

  /** A reply. Without a body it is its header alone: errors but SASL's, and operations whose response has no fields. */
  reply(header: ReplyHeader, reply?: ReplyBody): Uint8Array {
    if (reply === undefined) writeHeaderReply(this.#writer, header);
    else {
      // ReplyBody pairs each name with its own body; TypeScript cannot follow the pair through the lookup.
      const operation = operations[reply.name] as Operation<unknown, unknown>;
      writeReplyMessage(this.#writer, { header, operation, body: reply.body });
    }
    return this.#writer.take();
  }

  /** `zxid` is the transaction's, or −1 for what a client missed while it was away. */
  event(trigger: WatchTrigger, zxid: number): Uint8Array {
    const { event, path } = trigger;
    writeNotification(this.#writer, {
      zxid,
      type: EventType[event],
      state: KeeperState.connected,
      path,
    });
    return this.#writer.take();
  }

  connectResponse(response: ConnectResponse): Uint8Array {
    this.#writer.beginFrame();
    writeConnectResponse(this.#writer, response);
    this.#writer.endFrame();
    return this.#writer.take();
  }
}
