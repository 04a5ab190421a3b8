// Stat => czxid:long mzxid:long ctime:long mtime:long version:int cversion:int aversion:int ephemeralOwner:long
//         dataLength:int numChildren:int pzxid:long
import type { Stat } from '../core/types.js';
import type { JuteReader } from './reader.js';
import type { JuteWriter } from './writer.js';

export function readStat(reader: JuteReader): Stat {
  return {
    czxid: reader.readSafeInt64(),
    mzxid: reader.readSafeInt64(),
    ctime: reader.readSafeInt64(),
    mtime: reader.readSafeInt64(),
    version: reader.readInt32(),
    cversion: reader.readInt32(),
    aversion: reader.readInt32(),
    ephemeralOwner: reader.readInt64(),
    dataLength: reader.readInt32(),
    numChildren: reader.readInt32(),
    pzxid: reader.readSafeInt64(),
  };
}

export function writeStat(writer: JuteWriter, stat: Stat): void {
  writer.writeSafeInt64(stat.czxid);
  writer.writeSafeInt64(stat.mzxid);
  writer.writeSafeInt64(stat.ctime);
  writer.writeSafeInt64(stat.mtime);
  writer.writeInt32(stat.version);
  writer.writeInt32(stat.cversion);
  writer.writeInt32(stat.aversion);
  writer.writeInt64(stat.ephemeralOwner);
  writer.writeInt32(stat.dataLength);
  writer.writeInt32(stat.numChildren);
  writer.writeSafeInt64(stat.pzxid);
}
