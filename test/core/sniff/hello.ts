/** ClientHellos made for tests, and their way into TLS records. */

export interface HelloInit {
  /** Written as host_name; undefined = no server_name extension. */
  readonly name?: string;
  /** With an encrypted_client_hello extension. */
  readonly ech?: boolean;
  /** Bytes of padding in an extension of its own, before the others. */
  readonly padding?: number;
}

/** A whole handshake message. */
export function clientHello({ name, ech = false, padding = 0 }: HelloInit): Buffer {
  const extensions: Buffer[] = [];
  if (padding > 0) extensions.push(extension(21, Buffer.alloc(padding)));
  if (ech) extensions.push(extension(0xfe0d, Buffer.from([0, 0, 1, 0, 1, 7])));
  if (name !== undefined) {
    const entry = Buffer.concat([Buffer.from([0]), sized(2, Buffer.from(name, 'latin1'))]);
    extensions.push(extension(0, sized(2, entry)));
  }
  const body = Buffer.concat([
    Buffer.from([3, 3]),
    Buffer.alloc(32, 7),
    sized(1, Buffer.alloc(32, 9)),
    sized(2, Buffer.from([0x13, 1])),
    sized(1, Buffer.from([0])),
    sized(2, Buffer.concat(extensions)),
  ]);
  return Buffer.concat([Buffer.from([1]), sized(3, body)]);
}

/** As handshake records with at most so many bytes each. */
export function records(message: Buffer, size = 16_384): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < message.length; at += size) {
    parts.push(Buffer.from([22, 3, 1]), sized(2, message.subarray(at, at + size)));
  }
  return Buffer.concat(parts);
}

function extension(type: number, data: Buffer): Buffer {
  return Buffer.concat([Buffer.from([type >> 8, type & 255]), sized(2, data)]);
}

function sized(width: 1 | 2 | 3, data: Buffer): Buffer {
  const length = Buffer.alloc(width);
  length.writeUIntBE(data.length, 0, width);
  return Buffer.concat([length, data]);
}
