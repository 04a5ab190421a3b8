// GetAllChildrenNumberRequest  => path:ustring
// GetAllChildrenNumberResponse => totalNumber:int
import { OpCode } from '../constants.js';
import type { Operation } from '../operation.js';
import { readPath, writePath, type PathRequest } from './get-acl.js';

export interface GetAllChildrenNumberResponse {
  readonly totalNumber: number;
}

export const getAllChildrenNumber: Operation<PathRequest, GetAllChildrenNumberResponse> = {
  name: 'getAllChildrenNumber',
  code: OpCode.getAllChildrenNumber,
  readRequest: readPath,
  writeRequest: writePath,
  readResponse: (reader) => ({ totalNumber: reader.readInt32() }),
  writeResponse: (writer, response) => writer.writeInt32(response.totalNumber),
};
