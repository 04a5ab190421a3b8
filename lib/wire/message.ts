// Whole frames: headers and bodies together.
import { readReplyHeader, readRequestHeader, writeReplyHeader, writeRequestHeader } from './header.js';
import type { ReplyHeader, RequestHeader } from './header.js';
import { Xid } from './constants.js';
import type { Operation } from './operation.js';
import { operationName, operations } from './operations.js';
import type { OperationName, RequestOf } from './operations.js';
import { JuteReader } from './reader.js';
import { writeWatcherEvent, type WatcherEvent } from './watcher-event.js';
import type { JuteWriter } from './writer.js';

/** A request with its operation's name: `switch (request.name)` narrows the body. */
export type WireRequest = {
  [Name in OperationName]: { readonly name: Name; readonly body: RequestOf<Name> };
}[OperationName];

export interface RequestMessage {
  readonly header: RequestHeader;
  /** undefined: an operation that clients do not send, or that we do not know. ZooKeeper's answer is Unimplemented. */
  readonly request: WireRequest | undefined;
}

/**
 * The frame of a request, after the handshake. Throws a WireError when the bytes are not what the header's operation
 * says; the header can then still be had from {@link readRequestHeader}. Bytes after a record are let pass, as
 * ZooKeeper does.
 */
export function readRequestMessage(frame: Buffer): RequestMessage {
  const reader = new JuteReader(frame);
  const header = readRequestHeader(reader);
  const name = operationName(header.opcode);
  if (name === undefined) return { header, request: undefined };
  return { header, request: { name, body: operations[name].readRequest(reader) } as WireRequest };
}

/** Writes the frame of a request. */
export function writeRequestMessage<Request>(
  writer: JuteWriter,
  message: { readonly xid: number; readonly operation: Operation<Request, unknown>; readonly body: Request },
): void {
  writer.beginFrame();
  writeRequestHeader(writer, { xid: message.xid, opcode: message.operation.code });
  message.operation.writeRequest(writer, message.body);
  writer.endFrame();
}

/** Writes the frame of a reply with a body. */
export function writeReplyMessage<Response>(
  writer: JuteWriter,
  message: {
    readonly header: ReplyHeader;
    readonly operation: Operation<unknown, Response>;
    readonly body: Response;
  },
): void {
  writer.beginFrame();
  writeReplyHeader(writer, message.header);
  message.operation.writeResponse(writer, message.body);
  writer.endFrame();
}

/** Writes the frame of a reply that is its header alone: errors, and operations without a response body. */
export function writeHeaderReply(writer: JuteWriter, header: ReplyHeader): void {
  writer.beginFrame();
  writeReplyHeader(writer, header);
  writer.endFrame();
}

/** Writes the frame of a watch event. `zxid` is the transaction's, or −1. */
export function writeNotification(writer: JuteWriter, event: WatcherEvent & { readonly zxid: number }): void {
  writer.beginFrame();
  writeReplyHeader(writer, { xid: Xid.notification, zxid: event.zxid, err: 0 });
  writeWatcherEvent(writer, event);
  writer.endFrame();
}

/** The header of a reply, and the reader that stands at its body. */
export function readReplyMessage(frame: Buffer): { header: ReplyHeader; reader: JuteReader } {
  const reader = new JuteReader(frame);
  return { header: readReplyHeader(reader), reader };
}
