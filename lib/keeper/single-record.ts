import type { StateWriter } from '../core/state.js';
import type { NodeRecord, SessionId, SessionRecord } from '../core/types.js';

export type SingleRecordSubject =
  | { readonly kind: 'node' | 'children'; readonly path: string }
  | { readonly kind: 'session' | 'ephemerals'; readonly session: SessionId };

/**
 * A state in which one record alone is known: what folding transactions over one row takes. Everything else is unknown,
 * and `apply` leaves what is unknown alone. Changes of a list are reported name by name.
 */
export class SingleRecord implements StateWriter {
  onName: ((name: string, present: boolean) => void) | undefined;
  readonly #subject: SingleRecordSubject;
  #node: NodeRecord | null | undefined;
  #session: SessionRecord | null | undefined;

  constructor(subject: SingleRecordSubject) {
    this.#subject = subject;
  }

  node(path: string): NodeRecord | null | undefined {
    return this.#subject.kind === 'node' && this.#subject.path === path ? this.#node : undefined;
  }

  children(): undefined {
    return undefined;
  }

  session(session: SessionId): SessionRecord | null | undefined {
    return this.#subject.kind === 'session' && this.#subject.session === session ? this.#session : undefined;
  }

  ephemerals(): undefined {
    return undefined;
  }

  blob(): undefined {
    return undefined;
  }

  setNode(path: string, record: NodeRecord | null): void {
    if (this.#subject.kind === 'node' && this.#subject.path === path) this.#node = record;
  }

  setSession(session: SessionId, record: SessionRecord | null): void {
    if (this.#subject.kind === 'session' && this.#subject.session === session) this.#session = record;
  }

  addChild(parent: string, name: string): void {
    if (this.#subject.kind === 'children' && this.#subject.path === parent) this.onName?.(name, true);
  }

  removeChild(parent: string, name: string): void {
    if (this.#subject.kind === 'children' && this.#subject.path === parent) this.onName?.(name, false);
  }

  addEphemeral(session: SessionId, path: string): void {
    if (this.#subject.kind === 'ephemerals' && this.#subject.session === session) this.onName?.(path, true);
  }

  removeEphemeral(session: SessionId, path: string): void {
    if (this.#subject.kind === 'ephemerals' && this.#subject.session === session) this.onName?.(path, false);
  }
}
