/** Thrown when the program itself is wrong. Never caught to go on: the state it was found in is not to be trusted. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

/** Asserts something that cannot be false unless there is a bug. Operating errors are typed errors instead. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new InvariantError(message);
}

/** The `default` of an exhaustive switch: a value here means that a case was forgotten. */
export function unreachable(value: never): never {
  throw new InvariantError(`unreachable: ${String(value)}`);
}
