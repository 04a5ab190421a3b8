// ConnectRequest  => protocolVersion:int lastZxidSeen:long timeOut:int sessionId:long passwd:buffer [readOnly:boolean]
// ConnectResponse => protocolVersion:int timeOut:int sessionId:long passwd:buffer [readOnly:boolean]
//
// The first frame in either direction; it has no header. Clients and servers before 3.4 leave the last byte out, so
// a reader must do without it, and a server answers such a client without it.
import type { SessionId, Zxid } from '../core/types.js';
import type { JuteReader } from './reader.js';
import type { JuteWriter } from './writer.js';

export interface ConnectRequest {
  readonly protocolVersion: number;
  readonly lastZxidSeen: Zxid;
  /** Ms. */
  readonly timeoutMs: number;
  /** 0 asks for a new session. */
  readonly session: SessionId;
  readonly password: Uint8Array;
  /** undefined: an old client that left the byte out. */
  readonly readOnly?: boolean | undefined;
}

export interface ConnectResponse {
  readonly protocolVersion: number;
  /** Ms, as negotiated. 0 says that the session has expired. */
  readonly timeoutMs: number;
  readonly session: SessionId;
  readonly password: Uint8Array;
  readonly readOnly?: boolean | undefined;
}

/** Bytes after the record are let pass: newer clients may say more. */
export function readConnectRequest(reader: JuteReader): ConnectRequest {
  return {
    protocolVersion: reader.readInt32(),
    lastZxidSeen: reader.readClampedInt64(),
    timeoutMs: reader.readInt32(),
    session: reader.readInt64(),
    password: reader.readBuffer(),
    readOnly: readOptionalBoolean(reader),
  };
}

export function writeConnectRequest(writer: JuteWriter, request: ConnectRequest): void {
  writer.writeInt32(request.protocolVersion);
  writer.writeSafeInt64(request.lastZxidSeen);
  writer.writeInt32(request.timeoutMs);
  writer.writeInt64(request.session);
  writer.writeBuffer(request.password);
  if (request.readOnly !== undefined) writer.writeBoolean(request.readOnly);
}

export function readConnectResponse(reader: JuteReader): ConnectResponse {
  return {
    protocolVersion: reader.readInt32(),
    timeoutMs: reader.readInt32(),
    session: reader.readInt64(),
    password: reader.readBuffer(),
    readOnly: readOptionalBoolean(reader),
  };
}

export function writeConnectResponse(writer: JuteWriter, response: ConnectResponse): void {
  writer.writeInt32(response.protocolVersion);
  writer.writeInt32(response.timeoutMs);
  writer.writeInt64(response.session);
  writer.writeBuffer(response.password);
  if (response.readOnly !== undefined) writer.writeBoolean(response.readOnly);
}

function readOptionalBoolean(reader: JuteReader): boolean | undefined {
  return reader.remaining > 0 ? reader.readBoolean() : undefined;
}
