import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type HandshakeStep, MixedHandshake } from '../../../core/inbound/mixed-handshake.ts';
import { UserList } from '../../../core/inbound/user-list.ts';
import { bytesWorked } from '../../support/byte-work.ts';

const nobody = new UserList([]);
const me = new UserList([{ username: 'me', password: 'pw' }]);
const text = (value: string): number[] => [...Buffer.from(value)];
const name = [3, 14, ...text('Hidden.Example'), 1, 187];
const hidden = { host: 'hidden.example', port: 443 };

/** Everything sent, and the last step, after these chunks. */
function play(users: UserList, ...chunks: (readonly number[])[]): { sent: number[]; last: HandshakeStep } {
  const handshake = new MixedHandshake(users);
  const sent: number[] = [];
  let last: HandshakeStep = { kind: 'more', send: new Uint8Array() };
  for (const [index, chunk] of chunks.entries()) {
    last = handshake.push(Uint8Array.from(chunk));
    sent.push(...last.send);
    if (last.kind === 'request' && index < chunks.length - 1) {
      const rest = Buffer.concat([last.request.rest, ...chunks.slice(index + 1).map((each) => Buffer.from(each))]);
      return { sent, last: { ...last, request: { ...last.request, rest } } };
    }
    if (last.kind !== 'more') break;
  }
  return { sent, last };
}

const asked = (step: HandshakeStep) => {
  if (step.kind !== 'request') throw new Error(JSON.stringify(step));
  return step.request;
};

test.each([
  ['fields', `GET http://a.example/ HTTP/1.1\r\n${'X: y\r\n'.repeat(10_000)}\r\n`],
  ['one field', `GET http://a.example/ HTTP/1.1\r\nX: ${'y'.repeat(65_000)}\r\n\r\n`],
  ['empty lines', '\r\n'.repeat(32_000)],
  ['nothing but line feeds', '\n'.repeat(64_000)],
])('64 KiB of %s, byte by byte, take work for 64 KiB', (_what, said) => {
  const handshake = new MixedHandshake(nobody);
  const bytes = Buffer.from(said);
  const worked = bytesWorked(() => {
    let at = 0;
    while (at < bytes.length && handshake.push(bytes.subarray(at, at + 1)).kind === 'more') at += 1;
  });
  expect(worked).toBeLessThan(8 * 65_536);
});

test('empty lines before a request are passed over, however they are cut', () => {
  const request = '\r\n\n\r\nGET http://hidden.example:443/ HTTP/1.1\r\n\r\n';
  expect(asked(play(nobody, text(request)).last).destination).toEqual(hidden);
  expect(asked(play(nobody, ...text(request).map((byte) => [byte])).last).destination).toEqual(hidden);
});

describe('SOCKS5', () => {
  test('without users', () => {
    const { sent, last } = play(nobody, [5, 1, 0], [5, 1, 0, ...name, 22, 3, 1]);
    expect(sent).toEqual([5, 0]);
    expect(asked(last)).toMatchObject({ protocol: 'socks5', destination: hidden });
    expect([...asked(last).rest]).toEqual([22, 3, 1]);
    expect([...asked(last).granted]).toEqual([5, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    expect(asked(last).refusal('DIAL_REFUSED', '')[1]).toBe(5);
  });

  test('with users, pipelined', () => {
    const { sent, last } = play(me, [5, 2, 0, 2, 1, 2, ...text('me'), 2, ...text('pw'), 5, 1, 0, ...name]);
    expect(sent).toEqual([5, 2, 1, 0]);
    expect(asked(last).destination).toEqual(hidden);
  });

  test('a wrong password is refused as RFC 1929 says', () => {
    const { sent, last } = play(me, [5, 1, 2, 1, 2, ...text('me'), 2, ...text('no')]);
    expect(sent).toEqual([5, 2, 1, 1]);
    expect(last.kind).toBe('refused');
  });

  test('a client that offers no password cannot come in', () => {
    expect(play(me, [5, 1, 0])).toMatchObject({ sent: [5, 255], last: { kind: 'refused' } });
  });

  test('UDP ASSOCIATE is an association, whatever address the client gives', () => {
    for (const address of [name, [1, 0, 0, 0, 0, 0, 0], [9]]) {
      expect(play(nobody, [5, 1, 0, 5, 3, 0, ...address])).toMatchObject({ sent: [5, 0], last: { kind: 'associate' } });
    }
  });

  test.each([
    ['BIND', [5, 2, 0, ...name], 7],
    ['an unknown address type', [5, 1, 0, 9, 0, 0], 8],
    ['a name that is none', [5, 1, 0, 3, 1, 32, 0, 80], 1],
  ])('%s is refused with its reply', (_what, request, reply) => {
    const { sent, last } = play(nobody, [5, 1, 0, ...request]);
    expect(sent.slice(2, 4)).toEqual([5, reply]);
    expect(last.kind).toBe('refused');
  });
});

describe('SOCKS4', () => {
  const request = [4, 1, 1, 187, 0, 0, 0, 1, 0, ...text('hidden.example'), 0];

  test('4a by name', () => {
    const { last } = play(nobody, [...request, 9]);
    expect(asked(last)).toMatchObject({ protocol: 'socks4', destination: hidden });
    expect([...asked(last).rest]).toEqual([9]);
    expect(asked(last).refusal('DIAL_REFUSED', '')[1]).toBe(0x5b);
  });

  test('has no place for passwords', () => {
    expect(play(me, request)).toMatchObject({ last: { kind: 'refused' }, sent: [0, 0x5b, 0, 0, 0, 0, 0, 0] });
  });
});

describe('HTTP', () => {
  const connect = 'CONNECT hidden.example:443 HTTP/1.1\r\n';
  const reply = (sent: number[]) => Buffer.from(sent).toString();

  test('CONNECT', () => {
    const { sent, last } = play(nobody, text(`${connect}\r\nTLS`));
    expect(sent).toEqual([]);
    expect(asked(last)).toMatchObject({ protocol: 'http-connect', destination: hidden });
    expect(Buffer.from(asked(last).rest).toString()).toBe('TLS');
    expect(Buffer.from(asked(last).granted).toString()).toMatch(/^HTTP\/1\.1 200 /);
    const refusal = Buffer.from(asked(last).refusal('DIAL_TIMEOUT', 'no answer')).toString();
    expect(refusal).toMatch(/^HTTP\/1\.1 504 [^]*no answer \(DIAL_TIMEOUT\)\n$/);
  });

  test('a plain request', () => {
    const { last } = play(nobody, text('POST http://hidden.example/x HTTP/1.1\r\nContent-Length: 2\r\n\r\nab'));
    expect(asked(last)).toMatchObject({ protocol: 'http', destination: { host: 'hidden.example', port: 80 } });
    expect(Buffer.from(asked(last).forward?.head ?? []).toString()).toMatch(
      /^POST \/x HTTP\/1\.1\r\nHost: hidden.example\r\n/,
    );
    expect(asked(last).forward?.body).toEqual({ kind: 'bytes', bytes: 2 });
    expect(asked(last).granted.length).toBe(0);
  });

  test('users', () => {
    const right = `${connect}Proxy-Authorization: Basic ${btoa('me:pw')}\r\n\r\n`;
    expect(asked(play(me, text(right)).last).destination).toEqual(hidden);
    const none = play(me, text(`${connect}\r\n`));
    expect(reply(none.sent)).toMatch(/^HTTP\/1\.1 407 [^]*Proxy-Authenticate: Basic/);
    expect(none.last.kind).toBe('refused');
  });

  test('other requests are told what this is', () => {
    expect(reply(play(nobody, text('GET / HTTP/1.1\r\n\r\n')).sent)).toMatch(/^HTTP\/1\.1 400 [^]*CONNECT/);
    expect(reply(play(nobody, text('GET ftp://a/ HTTP/1.1\r\n\r\n')).sent)).toMatch(/^HTTP\/1\.1 501 [^]*CONNECT/);
  });

  test('what is no protocol of ours is refused at once', () => {
    expect(play(nobody, [22, 3, 1]).last.kind).toBe('refused');
  });
});

describe('properties', () => {
  const conversations = [
    [5, 2, 0, 2, 1, 2, ...text('me'), 2, ...text('pw'), 5, 1, 0, ...name, ...text('first bytes')],
    text(`CONNECT a.example:443 HTTP/1.1\r\nProxy-Authorization: Basic ${btoa('me:pw')}\r\n\r\nfirst bytes`),
    text(`GET http://a.example/ HTTP/1.1\r\nProxy-Authorization: Basic ${btoa('me:pw')}\r\n\r\n`),
    text('CONNECT a.example:443 HTTP/1.1\r\n\r\n'),
    [5, 1, 2, 1, 2, ...text('me'), 2, ...text('no')],
    [4, 1, 1, 187, 0, 0, 0, 1, 0, ...text('hidden.example'), 0, ...text('first bytes')],
  ];
  const comparable = ({ sent, last }: ReturnType<typeof play>) =>
    last.kind === 'request'
      ? { sent, destination: last.request.destination, rest: [...last.request.rest], forward: last.request.forward }
      : { sent, kind: last.kind };

  test('any split of the bytes gives the same result', () => {
    fc.assert(
      fc.property(fc.constantFrom(...conversations), fc.array(fc.nat(120), { maxLength: 10 }), (bytes, cuts) => {
        const places = [...new Set([0, ...cuts.filter((cut) => cut < bytes.length), bytes.length])].sort(
          (a, b) => a - b,
        );
        const chunks = places.slice(1).map((end, index) => bytes.slice(places[index], end));
        expect(comparable(play(me, ...chunks))).toEqual(comparable(play(me, bytes)));
      }),
    );
  });

  test('arbitrary bytes never throw', () => {
    const first = fc.constantFrom([], [5], [5, 1, 0, 5, 1, 0], [4, 1], text('CONNECT '), text('GET http://'));
    fc.assert(
      fc.property(first, fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 6 }), (start, chunks) => {
        play(nobody, start, ...chunks.map((chunk) => [...chunk]));
      }),
    );
  });
});
