// CreateTTLRequest => path:ustring data:buffer acl:vector<ACL> flags:int ttl:long
// Create2Response  => path:ustring Stat
import { OpCode } from '../constants.js';
import type { Operation } from '../operation.js';
import type { JuteReader } from '../reader.js';
import type { JuteWriter } from '../writer.js';
import { readCreateRequest, writeCreateRequest, type WireCreateRequest } from './create.js';
import { readCreate2Response, writeCreate2Response, type Create2Response } from './create2.js';

export interface CreateTtlRequest extends WireCreateRequest {
  /** Ms. */
  readonly ttlMs: number;
}

export function readCreateTtlRequest(reader: JuteReader): CreateTtlRequest {
  const request = readCreateRequest(reader);
  return { ...request, ttlMs: reader.readClampedInt64() };
}

export function writeCreateTtlRequest(writer: JuteWriter, request: CreateTtlRequest): void {
  writeCreateRequest(writer, request);
  writer.writeSafeInt64(request.ttlMs);
}

export const createTtl: Operation<CreateTtlRequest, Create2Response> = {
  name: 'createTTL',
  code: OpCode.createTtl,
  readRequest: readCreateTtlRequest,
  writeRequest: writeCreateTtlRequest,
  readResponse: readCreate2Response,
  writeResponse: writeCreate2Response,
};
