import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';

import type { AuthId } from '../../core/types.js';
import { subjectOf } from './subject.js';

/** Whom the certificate proves that a client showed, as ZooKeeper's scheme `x509` does: nobody without one. */
export function certifiedId(socket: Socket): AuthId | undefined {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined;
  const certificate = socket.getPeerX509Certificate();
  return certificate === undefined ? undefined : { scheme: 'x509', id: subjectOf(certificate.raw) };
}
