/** The parameters of SVCB and HTTPS records (RFC 9460 section 2.2): a priority, a target, then key, length and value of each. */
import { decodeName } from './dns-name.ts';

/** `ipv6hint`, RFC 9460 section 7.3. */
export const ipv6Hint = 6;
/** `mandatory`, section 8: what a client must understand; it names no key that is not there. */
const mandatory = 0;

/** The data of a record without the parameter of this key; as it is where that is missing, mandatory or cannot be found. Never throws. */
export function withoutParameter(data: Uint8Array, key: number): Uint8Array {
  const target = decodeName(data, 2);
  if (target === undefined) return data;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  for (let at = target.end; at + 4 <= data.length; ) {
    const number = view.getUint16(at);
    const end = at + 4 + view.getUint16(at + 2);
    if (end > data.length) return data;
    if (number === mandatory && names(data.subarray(at + 4, end), key)) return data;
    if (number === key) return new Uint8Array([...data.subarray(0, at), ...data.subarray(end)]);
    at = end;
  }
  return data;
}

function names(keys: Uint8Array, key: number): boolean {
  for (let i = 0; i + 2 <= keys.length; i += 2) if (((keys[i] ?? 0) << 8) + (keys[i + 1] ?? 0) === key) return true;
  return false;
}
