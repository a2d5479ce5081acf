/** Certificates for tests (X.509, RFC 5280, in DER), made with Node's own keys: an authority, and what it signs for names and addresses. */
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import net from 'node:net';

export interface Certified {
  /** PEM. */
  readonly cert: string;
  readonly key: string;
}

const oid = {
  commonName: [0x55, 0x04, 0x03],
  subjectAltName: [0x55, 0x1d, 0x11],
  basicConstraints: [0x55, 0x1d, 0x13],
  ecdsaWithSha256: [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02],
};
const algorithm = sequence(der(6, oid.ecdsaWithSha256));
const day = 86_400_000;

export class TestAuthority {
  readonly #name: Buffer;
  readonly #key: KeyObject;
  /** Its own certificate, to be trusted. PEM. */
  readonly cert: string;

  constructor(commonName = 'Test authority') {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
    this.#name = nameOf(commonName);
    this.#key = privateKey;
    const isAuthority = sequence(der(6, oid.basicConstraints), der(1, [255]), der(4, sequence(der(1, [255]))));
    this.cert = this.#sign(this.#name, publicKey, isAuthority, new Date(Date.now() + day));
  }

  /** For host names and addresses; `until` is the last moment of its validity. */
  issue(hosts: readonly string[], until = new Date(Date.now() + day)): Certified {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
    const alternatives = sequence(
      ...hosts.map((host) =>
        net.isIPv4(host) ? der(0x87, host.split('.').map(Number)) : der(0x82, Buffer.from(host)),
      ),
    );
    const names = sequence(der(6, oid.subjectAltName), der(4, alternatives));
    return {
      cert: this.#sign(nameOf(hosts[0] ?? ''), publicKey, names, until),
      key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    };
  }

  #sign(subject: Buffer, key: KeyObject, extension: Buffer, until: Date): string {
    const toBeSigned = sequence(
      der(0xa0, der(2, [2])),
      der(2, [1, ...randomBytes(8)]),
      algorithm,
      this.#name,
      sequence(time(new Date(Date.now() - 30 * day)), time(until)),
      subject,
      key.export({ type: 'spki', format: 'der' }),
      der(0xa3, sequence(extension)),
    );
    const signature = sign('sha256', toBeSigned, this.#key);
    const whole = sequence(toBeSigned, algorithm, der(3, Buffer.concat([Buffer.from([0]), signature])));
    return `-----BEGIN CERTIFICATE-----\n${whole
      .toString('base64')
      .match(/.{1,64}/g)
      ?.join('\n')}\n-----END CERTIFICATE-----\n`;
  }
}

function nameOf(commonName: string): Buffer {
  return sequence(der(0x31, sequence(der(6, oid.commonName), der(0x0c, Buffer.from(commonName)))));
}

/** UTCTime: `YYMMDDhhmmssZ`. */
function time(moment: Date): Buffer {
  const digits = moment
    .toISOString()
    .replaceAll(/[-:T]|\..*/g, '')
    .slice(2);
  return der(0x17, Buffer.from(`${digits}Z`));
}

function sequence(...parts: readonly Uint8Array[]): Buffer {
  return der(0x30, Buffer.concat(parts));
}

/** Tag, length, content. */
function der(tag: number, content: Uint8Array | readonly number[]): Buffer {
  const { length } = content;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([tag, ...size]), Buffer.from(content)]);
}
