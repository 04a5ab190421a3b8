/** What the emulator and the instances of its functions tell each other. Plain values only. */

/** Given to an instance at its start. */
export interface InstanceData {
  /** URL of the ES module. */
  readonly module: string;
  /** Name of the exported function. */
  readonly handler: string;
  /** One Int32: how many requests the instance was given. It is frozen while it has ended all of them. */
  readonly given: SharedArrayBuffer;
  /** What the instance's thread is niced by. */
  readonly niceness: number;
}

/** One request, with what becomes the handler's context. */
export interface ToInstance {
  readonly requestId: string;
  /** JSON. */
  readonly payload: string;
  /** What the function has, from now on. */
  readonly timeoutMs: number;
  readonly functionName: string;
  readonly functionVersion: string;
  readonly invokedFunctionArn: string;
  readonly memoryMb: number;
}

/** An error as Lambda reports it: the payload of an answer with a function error. */
export interface FunctionErrorBody {
  readonly errorType: string;
  readonly errorMessage: string;
  readonly trace?: readonly string[];
}

export type FromInstance =
  /** The module is loaded; requests are taken. */
  | { readonly type: 'ready' }
  | { readonly type: 'initFailed'; readonly error: FunctionErrorBody }
  /** `payload` is JSON. */
  | { readonly type: 'returned'; readonly payload: string }
  | { readonly type: 'threw'; readonly error: FunctionErrorBody };
