// Id  => scheme:ustring id:ustring
// ACL => perms:int Id
// A list of them is vector<ACL>; null is the empty list.
import type { Acl } from '../core/types.js';
import type { JuteReader } from './reader.js';
import type { JuteWriter } from './writer.js';

const ACL_BYTES_MIN = 12;

export function readAcl(reader: JuteReader): Acl {
  return { perms: reader.readInt32(), scheme: reader.readString(), id: reader.readString() };
}

export function writeAcl(writer: JuteWriter, acl: Acl): void {
  writer.writeInt32(acl.perms);
  writer.writeString(acl.scheme);
  writer.writeString(acl.id);
}

export function readAcls(reader: JuteReader): Acl[] {
  return reader.readVector(ACL_BYTES_MIN, readAcl);
}

export function writeAcls(writer: JuteWriter, acls: readonly Acl[]): void {
  writer.writeVector(acls, writeAcl);
}
