import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Socks5Client, type Socks5ClientStep } from '../../../core/net/socks5-client.ts';

const target = { host: 'hidden.example', port: 443 };
const user = { username: 'me', password: 'secret' };
const request = [5, 1, 0, 3, 14, ...Buffer.from('hidden.example'), 1, 187];

/** Plays a server that answers with these bytes in turn; what the client sent, and how it ended. */
function play(client: Socks5Client, server: number[]): { sent: number[]; end: Socks5ClientStep; left: number[] } {
  const sent: number[] = [];
  let left = server;
  let step = client.start();
  while (step.kind === 'want' && left.length >= step.bytes) {
    sent.push(...step.send);
    const bytes = Uint8Array.from(left.slice(0, step.bytes));
    left = left.slice(step.bytes);
    step = client.take(bytes);
  }
  if (step.kind === 'want') sent.push(...step.send);
  return { sent, end: step, left };
}

test('without a password', () => {
  const played = play(new Socks5Client(target, undefined), [5, 0, 5, 0, 0, 1, 0, 0, 0, 0, 0, 0, 72, 73]);
  expect(played.sent).toEqual([5, 1, 0, ...request]);
  expect(played.end).toMatchObject({ kind: 'connected' });
  expect(played.left).toEqual([72, 73]);
});

test('with a password, when the server wants one', () => {
  const played = play(new Socks5Client(target, user), [5, 2, 1, 0, 5, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
  expect(played.sent).toEqual([5, 2, 0, 2, 1, 2, ...Buffer.from('me'), 6, ...Buffer.from('secret'), ...request]);
  expect(played.end).toMatchObject({ kind: 'connected' });
});

test('a password is not sent to a server that does not ask for it', () => {
  const played = play(new Socks5Client(target, user), [5, 0]);
  expect(Buffer.from(played.sent).includes('secret')).toBe(false);
});

test.each([
  ['IPv6', [4, ...Array.from({ length: 18 }, () => 7)]],
  ['a name', [3, 5, ...Array.from({ length: 7 }, () => 7)]],
])('the bound address may be %s', (_what, bound) => {
  const played = play(new Socks5Client(target, undefined), [5, 0, 5, 0, 0, ...bound, 9]);
  expect(played.end).toMatchObject({ kind: 'connected' });
  expect(played.left).toEqual([9]);
});

describe('failures', () => {
  const end = (server: number[], credentials?: typeof user) => play(new Socks5Client(target, credentials), server).end;

  test.each([
    ['no method without a password', [5, 255], undefined, 'auth'],
    ['no method with one', [5, 255], user, 'auth'],
    ['wrong password', [5, 2, 1, 1], user, 'auth'],
    ['a password that was not offered', [5, 2], undefined, 'auth'],
    ['a method that was not offered', [5, 1], user, 'protocol'],
    ['another protocol', [72, 84], undefined, 'protocol'],
    ['another protocol later', [5, 0, 72, 84, 84, 80], undefined, 'protocol'],
    ['an unknown type of address', [5, 0, 5, 0, 0, 9], undefined, 'protocol'],
  ] as const)('%s', (_what, server, credentials, why) => {
    expect(end([...server], credentials)).toMatchObject({ kind: 'failed', failure: { why } });
  });

  test('the reply code is kept', () => {
    expect(end([5, 0, 5, 4, 0, 1])).toEqual({ kind: 'failed', failure: { why: 'reply', reply: 4 } });
  });
});

test('arbitrary servers never make it throw or hang', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(255), { maxLength: 300 }), fc.boolean(), (bytes, withUser) => {
      play(new Socks5Client(target, withUser ? user : undefined), bytes);
    }),
  );
});

test.each([
  ['IPv4', [1, 192, 0, 2, 1, 4, 56], { host: '192.0.2.1', port: 1080 }],
  ['a name', [3, 3, 97, 46, 98, 4, 56], { host: 'a.b', port: 1080 }],
  ['a name that cannot be one', [3, 1, 32, 4, 56], { host: '0.0.0.0', port: 1080 }],
])('the relay of UDP ASSOCIATE as %s', (_what, bound, endpoint) => {
  const played = play(new Socks5Client(target, undefined, 3), [5, 0, 5, 0, 0, ...bound]);
  expect(played.sent.slice(3, 5)).toEqual([5, 3]);
  expect(played.end).toEqual({ kind: 'connected', bound: endpoint });
});
