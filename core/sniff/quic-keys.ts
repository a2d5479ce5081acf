/** The keys of a client's Initial packets, which anybody can derive from their connection id (RFC 9001 section 5.2, RFC 9369 section 3.3). */
import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto';

export interface QuicVersion {
  readonly number: number;
  readonly salt: Uint8Array;
  /** What the labels begin with. */
  readonly label: 'quic' | 'quicv2';
  /** Values of the type bits of long headers. */
  readonly types: { readonly initial: number; readonly zeroRtt: number; readonly handshake: number };
}

export const quicVersions: readonly QuicVersion[] = [
  {
    number: 0x0000_0001,
    salt: Buffer.from('38762cf7f55934b34d179ae6a4c80cadccbb7f0a', 'hex'),
    label: 'quic',
    types: { initial: 0, zeroRtt: 1, handshake: 2 },
  },
  {
    number: 0x6b33_43cf,
    salt: Buffer.from('0dede3def700a6db819381be6e269dcbf9bd2ed9', 'hex'),
    label: 'quicv2',
    types: { initial: 1, zeroRtt: 2, handshake: 3 },
  },
];

export interface InitialKeys {
  readonly key: Uint8Array;
  readonly iv: Uint8Array;
  /** Of header protection. */
  readonly hp: Uint8Array;
}

/** Bytes of the authentication tag of AES-128-GCM. */
export const tagLength = 16;

/** For packets from the client; `connectionId` is the destination of its first Initial. */
export function clientInitialKeys(version: QuicVersion, connectionId: Uint8Array): InitialKeys {
  const initial = createHmac('sha256', version.salt).update(connectionId).digest();
  const secret = expandLabel(initial, 'client in', 32);
  return {
    key: expandLabel(secret, `${version.label} key`, 16),
    iv: expandLabel(secret, `${version.label} iv`, 12),
    hp: expandLabel(secret, `${version.label} hp`, 16),
  };
}

/** The five bytes that hide a header, from 16 bytes of ciphertext (RFC 9001 section 5.4.3). */
export function headerMask(keys: InitialKeys, sample: Uint8Array): Uint8Array {
  const cipher = createCipheriv('aes-128-ecb', keys.hp, null);
  return cipher.update(sample).subarray(0, 5);
}

/** The plain text of a packet, or undefined when it is not authentic. `sealed` ends in the tag; `header` is without protection. */
export function openPacket(
  keys: InitialKeys,
  packetNumber: number,
  header: Uint8Array,
  sealed: Uint8Array,
): Uint8Array | undefined {
  if (sealed.length < tagLength) return undefined;
  const options = { authTagLength: tagLength };
  const decipher = createDecipheriv('aes-128-gcm', keys.key, packetNonce(keys, packetNumber), options);
  decipher.setAAD(header);
  decipher.setAuthTag(sealed.subarray(sealed.length - tagLength));
  const plain = decipher.update(sealed.subarray(0, sealed.length - tagLength));
  try {
    decipher.final();
    return plain;
  } catch {
    return undefined;
  }
}

/** RFC 9001 section 5.3; packet numbers of Initials have at most 32 bits here. */
export function packetNonce(keys: InitialKeys, packetNumber: number): Uint8Array {
  const nonce = Buffer.from(keys.iv);
  nonce.writeUInt32BE((nonce.readUInt32BE(8) ^ packetNumber) >>> 0, 8);
  return nonce;
}

/** HKDF-Expand-Label without context (RFC 8446 section 7.1), for lengths of one block. */
function expandLabel(secret: Uint8Array, label: string, length: number): Uint8Array {
  const full = Buffer.from(`tls13 ${label}`, 'latin1');
  const info = Buffer.concat([Buffer.from([0, length, full.length]), full, Buffer.from([0, 1])]);
  return createHmac('sha256', secret).update(info).digest().subarray(0, length);
}
