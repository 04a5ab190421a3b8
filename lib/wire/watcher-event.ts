// WatcherEvent => type:int state:int path:ustring
//
// Comes with the reply header (xid −1, the transaction's zxid or −1, err 0).
import type { JuteReader } from './reader.js';
import type { JuteWriter } from './writer.js';

export interface WatcherEvent {
  /** One of EventType. */
  readonly type: number;
  /** One of KeeperState. */
  readonly state: number;
  readonly path: string;
}

export function readWatcherEvent(reader: JuteReader): WatcherEvent {
  return { type: reader.readInt32(), state: reader.readInt32(), path: reader.readString() };
}

export function writeWatcherEvent(writer: JuteWriter, event: WatcherEvent): void {
  writer.writeInt32(event.type);
  writer.writeInt32(event.state);
  writer.writeString(event.path);
}
