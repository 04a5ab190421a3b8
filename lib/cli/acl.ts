import { Perms, type Acl } from '../core/types.js';
import { UsageError } from './command.js';

const LETTERS: Readonly<Record<string, number>> = {
  c: Perms.create,
  d: Perms.delete,
  r: Perms.read,
  w: Perms.write,
  a: Perms.admin,
};

/** Parses `scheme:id:cdrwa,scheme:id:r` as ZooKeeper's own shell does; the id may hold colons. */
export function parseAcl(text: string): Acl[] {
  return text.split(',').map((entry) => {
    const match = /^([^:]+):(.*):([cdrwa]*)$/.exec(entry);
    const [, scheme, id, letters] = match ?? [];
    if (scheme === undefined || id === undefined || letters === undefined) {
      throw new UsageError(`not an ACL entry: ${entry} (want scheme:id:cdrwa)`);
    }
    const perms = Array.from(letters).reduce((bits, letter) => bits | (LETTERS[letter] ?? 0), 0);
    return { perms, scheme, id };
  });
}
