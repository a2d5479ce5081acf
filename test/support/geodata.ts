/** Small files of geodata, written by what their formats say. */
import { ipToBytes } from '../../core/base/address.ts';
import { parseCidr } from '../../core/base/cidr.ts';

const varint = (value: number): number[] => (value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)]);
const bytesField = (number: number, bytes: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from([...varint(number * 8 + 2), ...varint(bytes.length)]), bytes]);
const numberField = (number: number, value: number): Buffer => Buffer.from([...varint(number * 8), ...varint(value)]);
const textField = (number: number, text: string): Buffer => bytesField(number, Buffer.from(text));

const siteTypes = { keyword: 0, regex: 1, suffix: 2, full: 3 } as const;
type Site = readonly [type: keyof typeof siteTypes, value: string, ...attributes: string[]];

export function geositeFile(lists: Readonly<Record<string, readonly Site[]>>): Buffer {
  return Buffer.concat(
    Object.entries(lists).map(([code, sites]) => {
      const entries = sites.map(([type, value, ...attributes]) => {
        const marks = attributes.map((key) => bytesField(3, Buffer.concat([textField(1, key), numberField(2, 1)])));
        return bytesField(2, Buffer.concat([numberField(1, siteTypes[type]), textField(2, value), ...marks]));
      });
      return bytesField(1, Buffer.concat([textField(1, code), ...entries]));
    }),
  );
}

export function geoipFile(lists: Readonly<Record<string, readonly string[]>>): Buffer {
  return Buffer.concat(
    Object.entries(lists).map(([code, prefixes]) => {
      const entries = prefixes.map((prefix) => {
        const [address = '', bits = ''] = prefix.split('/');
        const mapped = address.startsWith('::ffff:');
        const bytes = mapped
          ? Buffer.concat([Buffer.alloc(10), Buffer.from([255, 255]), ipToBytes(address.slice(7))])
          : Buffer.from(ipToBytes(address));
        return bytesField(2, Buffer.concat([bytesField(1, bytes), numberField(2, Number(bits))]));
      });
      return bytesField(1, Buffer.concat([textField(1, code), ...entries]));
    }),
  );
}

type Value = string | number | Value[] | { [key: string]: Value };

function encode(value: Value): Buffer {
  const control = (type: number, size: number): Buffer => {
    const extended = type > 7;
    const head = size < 29 ? [size] : size < 285 ? [29, size - 29] : [30, (size - 285) >> 8, (size - 285) & 255];
    const [first = 0, ...rest] = head;
    return Buffer.from(extended ? [first, type - 7, ...rest] : [(type << 5) | first, ...rest]);
  };
  if (typeof value === 'string') return Buffer.concat([control(2, Buffer.byteLength(value)), Buffer.from(value)]);
  if (typeof value === 'number') {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value);
    return Buffer.concat([control(6, 4), bytes]);
  }
  if (Array.isArray(value)) return Buffer.concat([control(11, value.length), ...value.map(encode)]);
  const entries = Object.entries(value);
  return Buffer.concat([control(7, entries.length), ...entries.flatMap(([key, each]) => [encode(key), encode(each)])]);
}

interface Tree {
  children: [Tree | undefined, Tree | undefined];
  record?: number;
}

function database(
  records: readonly (readonly [Value, readonly string[]])[],
  bits: 24 | 28 | 32,
  version: 4 | 6,
  type: string,
): Buffer {
  const root: Tree = { children: [undefined, undefined] };
  const data: Buffer[] = [];
  let offset = 0;
  for (const [value, prefixes] of records) {
    for (const prefix of prefixes) {
      const cidr = parseCidr(prefix);
      if (cidr === undefined) throw new Error(prefix);
      const own = cidr.family === 4 ? 32 : 128;
      const width = version === 4 ? 32 : 128;
      const length = cidr.prefix + (width - own);
      let node = root;
      for (let i = 0; i < length; i++) {
        const side = Number((cidr.first >> BigInt(width - 1 - i)) & 1n) as 0 | 1;
        node = node.children[side] ??= { children: [undefined, undefined] };
      }
      node.record = offset;
    }
    const encoded = encode(value);
    data.push(encoded);
    offset += encoded.length;
  }
  const nodes: Tree[] = [];
  const number = new Map<Tree, number>();
  const visit = (tree: Tree): void => {
    if (tree.record !== undefined) return;
    number.set(tree, nodes.length);
    nodes.push(tree);
    for (const child of tree.children) if (child !== undefined) visit(child);
  };
  visit(root);
  const target = (child: Tree | undefined): number =>
    child === undefined
      ? nodes.length
      : child.record === undefined
        ? (number.get(child) ?? 0)
        : nodes.length + 16 + child.record;
  const tree = Buffer.alloc((nodes.length * bits) / 4);
  for (const [i, { children }] of nodes.entries()) {
    const [left, right] = [target(children[0]), target(children[1])];
    const at = (i * bits) / 4;
    if (bits === 24) {
      tree.writeUIntBE(left, at, 3);
      tree.writeUIntBE(right, at + 3, 3);
    } else if (bits === 32) {
      tree.writeUInt32BE(left, at);
      tree.writeUInt32BE(right, at + 4);
    } else {
      tree.writeUIntBE(left & 0xff_ffff, at, 3);
      tree[at + 3] = ((left >>> 24) << 4) | (right >>> 24);
      tree.writeUIntBE(right & 0xff_ffff, at + 4, 3);
    }
  }
  const metadata = encode({
    binary_format_major_version: 2,
    binary_format_minor_version: 0,
    database_type: type,
    ip_version: version,
    node_count: nodes.length,
    record_size: bits,
  });
  return Buffer.concat([tree, Buffer.alloc(16), ...data, Buffer.from('\xab\xcd\xefMaxMind.com', 'latin1'), metadata]);
}

export function countryDatabase(
  countries: Readonly<Record<string, readonly string[]>>,
  { bits, form }: { bits: 24 | 28 | 32; form: 'maxmind' | 'text' | 'list' },
): Buffer {
  const record = (code: string): Value =>
    form === 'maxmind'
      ? { country: { iso_code: code, names: { en: 'x'.repeat(40) } } }
      : form === 'text'
        ? code
        : [code, 'EXTRA'];
  return database(
    Object.entries(countries).map(([code, prefixes]) => [record(code), prefixes]),
    bits,
    6,
    form === 'maxmind' ? 'GeoLite2-Country' : 'sing-geoip',
  );
}

export function asnDatabase(
  systems: Readonly<Record<string, readonly string[]>>,
  { bits, version }: { bits: 24 | 28 | 32; version: 4 | 6 },
): Buffer {
  const records = Object.entries(systems).map(([number, prefixes]): [Value, readonly string[]] => [
    { autonomous_system_number: Number(number), autonomous_system_organization: 'Example' },
    prefixes,
  ]);
  return database(records, bits, version, 'GeoLite2-ASN');
}
