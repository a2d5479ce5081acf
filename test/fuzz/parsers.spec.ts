/** Every parser of foreign bytes in TypeScript, with damaged copies of what it usually reads. Those in Rust: native/src/fuzz. */
import { expect, test } from 'vitest';
import { AppError } from '../../core/base/app-error.ts';
import { MixedHandshake } from '../../core/inbound/mixed-handshake.ts';
import { UserList } from '../../core/inbound/user-list.ts';
import { decodeMessage } from '../../core/net/dns-decoder.ts';
import { encodeMessage } from '../../core/net/dns-encoder.ts';
import { queryFor, responseTo } from '../../core/net/dns-message.ts';
import { HttpBodyEnd, httpBodyLength } from '../../core/net/http-body.ts';
import { readHttpProxyRequest } from '../../core/net/http-connect.ts';
import { parseHttpRequest } from '../../core/net/http-request.ts';
import { encodeFrame, FrameDecoder } from '../../core/rpc/frame.ts';
import { sniff } from '../../core/sniff/sniff.ts';
import { sniffProtocols } from '../../core/sniff/sniffed.ts';
import { clientHello } from '../core/sniff/hello.ts';
import { cryptoFrame, initial, v1, v2 } from '../core/sniff/quic-client.ts';
import { fuzz } from '../support/mutation.ts';

const text = (value: string): Uint8Array => Buffer.from(value, 'latin1');
const hello = clientHello({ name: 'web.example', padding: 200 });

const httpHeads = [
  'GET http://web.example/a?b HTTP/1.1\r\nHost: web.example\r\nContent-Length: 3\r\n\r\nabc',
  'CONNECT web.example:443 HTTP/1.1\r\nHost: web.example:443\r\nProxy-Authorization: Basic dTpw\r\n\r\n\x16\x03\x01',
  'POST / HTTP/1.1\r\nHost: [fd00::1]:80\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nA: b\r\n\r\n',
].map(text);

/** Calls `take` with the input in pieces; their sizes are of the input's own bytes. */
function inPieces(input: Uint8Array, take: (piece: Uint8Array) => boolean): void {
  for (let at = 0; at < input.length; ) {
    const end = at + 1 + ((input[at] ?? 0) % 61);
    if (!take(input.subarray(at, end))) return;
    at = end;
  }
}

/** Only the errors that a reader promises; anything else is a fault. */
function promised(read: () => void): void {
  try {
    read();
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
  }
}

test('sniffers: TLS, HTTP and QUIC', () => {
  const record = (body: Uint8Array) =>
    Buffer.concat([Buffer.from([22, 3, 1, body.length >> 8, body.length & 255]), body]);
  const seeds = [
    record(hello),
    Buffer.concat([record(hello.subarray(0, 50)), record(hello.subarray(50))]),
    ...[v1, v2].map((version) => initial({ version, number: 0, payload: cryptoFrame(0, hello) })),
    ...httpHeads,
  ];
  const runs = fuzz(seeds, (input) => {
    const half = input.length >> 1;
    for (const chunks of [[input], [input.subarray(0, half), input.subarray(half)]]) {
      const sniffed = sniff(chunks, sniffProtocols);
      if (sniffed.kind === 'name') expect(sniffed.name).toMatch(/^[a-z0-9_.-]{1,253}$/);
      for (const protocol of sniffProtocols) sniff(chunks, [protocol]);
    }
  });
  expect(runs).toBeGreaterThan(50);
});

test('RPC frames: values or RPC errors, alike in any pieces', () => {
  const seeds = [
    encodeFrame({ id: 1, method: 'snapshot', params: {} }),
    Buffer.concat([encodeFrame([]), encodeFrame({ a: [1, 'é', null, true], __proto: 1 })]),
    Buffer.from([0, 64, 0, 0, 1, 2]),
  ];
  const read = (input: Uint8Array, whole: boolean): string => {
    const decoder = new FrameDecoder();
    const values: unknown[] = [];
    try {
      if (whole) values.push(...decoder.push(input));
      else inPieces(input, (piece) => values.push(...decoder.push(piece)) >= 0);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      return error.code;
    }
    return JSON.stringify(values);
  };
  const runs = fuzz(seeds, (input) => {
    expect(read(input, false)).toBe(read(input, true));
  });
  expect(runs).toBeGreaterThan(50);
});

test('HTTP heads and bodies', () => {
  const runs = fuzz(httpHeads, (input) => {
    const parsed = parseHttpRequest(input);
    if (parsed.kind !== 'ok') return;
    promised(() => {
      readHttpProxyRequest(parsed.value);
      const length = httpBodyLength(parsed.value);
      if (length === undefined) return;
      const end = new HttpBodyEnd(length);
      inPieces(input.subarray(parsed.used), (piece) => end.take(piece) === undefined);
    });
  });
  expect(runs).toBeGreaterThan(50);
});

test('the mixed port: an outcome or more bytes, never an exception', () => {
  const seeds = [
    ...httpHeads,
    Buffer.from([5, 2, 0, 2, 5, 1, 0, 3, 11, ...text('web.example'), 1, 187, 1, 2]),
    Buffer.from([5, 1, 2, 1, 1, 117, 1, 112, 5, 1, 0, 1, 192, 0, 2, 1, 0, 80]),
    Buffer.from([5, 1, 0, 5, 3, 0, 4, ...Array.from({ length: 16 }, () => 0), 0, 0]),
    Buffer.from([4, 1, 0, 80, 0, 0, 0, 1, 117, 0, ...text('web.example'), 0]),
  ];
  const users = [new UserList([]), new UserList([{ username: 'u', password: 'p' }])];
  const runs = fuzz(seeds, (input) => {
    for (const list of users) {
      const handshake = new MixedHandshake(list);
      inPieces(input, (piece) => handshake.push(piece).kind === 'more');
    }
  });
  expect(runs).toBeGreaterThan(50);
});

test('DNS messages: what is understood can be written, and is the same then', () => {
  const query = queryFor(7, 'web.example', 'A', undefined);
  const answers = [
    { name: 'web.example', type: 'CNAME', ttl: 5, data: 'other.example' },
    { name: 'other.example', type: 'A', ttl: 5, data: '192.0.2.1' },
    { name: 'other.example', type: 'AAAA', ttl: 5, data: '2001:db8::1' },
  ];
  const answer = encodeMessage({ ...responseTo(query, 'NOERROR'), answers });
  const compressed = Buffer.from(
    '00078180000100020000000003776562076578616d706c650000010001c00c00050001000000050002c010c01000010001000000050004c0000201',
    'hex',
  );
  const runs = fuzz([encodeMessage(query), answer, compressed], (input) => {
    const decoded = decodeMessage(input);
    if (!decoded.ok) return;
    promised(() => {
      const again = decodeMessage(encodeMessage(decoded.message));
      expect(again.ok).toBe(true);
      if (again.ok) expect(again.message.questions).toEqual(decoded.message.questions);
    });
  });
  expect(runs).toBeGreaterThan(50);
});
