/** Addresses in files, by their bytes: a file has hundreds of thousands. */

export interface AddressBits {
  readonly family: 4 | 6;
  readonly value: bigint;
}

/** Of 4 or 16 bytes; undefined for others. What maps an IPv4 address (RFC 4291 section 2.5.5.2) is that. */
export function addressBits(bytes: Buffer): AddressBits | undefined {
  if (bytes.length === 4) return { family: 4, value: BigInt(bytes.readUInt32BE(0)) };
  if (bytes.length !== 16) return undefined;
  const high = bytes.readBigUInt64BE(0);
  const low = bytes.readBigUInt64BE(8);
  if (high === 0n && low >> 32n === 0xffffn) return { family: 4, value: low & 0xffff_ffffn };
  return { family: 6, value: (high << 64n) | low };
}
