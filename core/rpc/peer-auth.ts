/** Who is at the other end of a Unix socket, told by the kernel, and whether that user may speak here. */
import type { Socket } from 'node:net';
import { AppError } from '../base/app-error.ts';

export interface PeerCredentials {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/** SO_PEERCRED of a connected descriptor (unix(7)); throws when the kernel does not tell. */
export type PeerCredentialsOf = (fd: number) => PeerCredentials;

export class PeerAuth {
  readonly #credentialsOf: PeerCredentialsOf;
  readonly #allowed: ReadonlySet<number>;

  /** `allowedUids` may speak; root always may. */
  constructor(credentialsOf: PeerCredentialsOf, allowedUids: Iterable<number>) {
    this.#credentialsOf = credentialsOf;
    this.#allowed = new Set([0, ...allowedUids]);
  }

  /** The one user who may speak besides root; undefined when there are more. */
  get onlyUser(): number | undefined {
    const users = [...this.#allowed].filter((uid) => uid !== 0);
    return users.length > 1 ? undefined : (users[0] ?? 0);
  }

  /** The other end's credentials. Throws HELPER_NOT_ALLOWED when it may not speak or cannot be told. */
  authorise(socket: Socket): PeerCredentials {
    const peer = this.#read(socket);
    if (this.#allowed.has(peer.uid)) return peer;
    throw new AppError('HELPER_NOT_ALLOWED', `user ${peer.uid} may not use the helper`, {
      expected: `start the helper with --allow-uid ${peer.uid}`,
      details: { uid: peer.uid },
    });
  }

  #read(socket: Socket): PeerCredentials {
    const fd = descriptorOf(socket);
    try {
      if (fd !== undefined) return this.#credentialsOf(fd);
    } catch (error) {
      throw new AppError('HELPER_NOT_ALLOWED', 'the kernel does not tell who is connecting', { cause: error });
    }
    throw new AppError('HELPER_NOT_ALLOWED', 'the connection has no descriptor to ask the kernel about');
  }
}

/** Node offers no public way to a socket's descriptor; `_handle.fd` has been there since its first versions. */
function descriptorOf(socket: Socket): number | undefined {
  const handle = '_handle' in socket ? socket._handle : undefined;
  if (typeof handle !== 'object' || handle === null || !('fd' in handle)) return undefined;
  return typeof handle.fd === 'number' && handle.fd >= 0 ? handle.fd : undefined;
}
