import { beforeEach, describe, expect, test } from 'vitest';
import type { Question } from '../../../../core/dns/resolver/resolver.ts';
import { denialSoa } from '../../../../core/dns/resolver/soa.ts';
import { queryFor } from '../../../../core/net/dns-message.ts';
import { ScriptedResolver, TableResolver } from '../resolver/scripted-resolver.ts';
import { record } from '../upstream/fake-upstream.ts';
import { client, redirHost, routerGround, soa } from './router-ground.ts';

const ground = routerGround();
const { ask, make } = ground;

describe('the truth about a name', () => {
  const resolvers = { slow: new ScriptedResolver() };

  beforeEach(() => {
    resolvers.slow = new ScriptedResolver();
    for (const name of ['here', 'gone', 'six', 'mail', 'ill', 'lame', 'only6', 'deaf'])
      ground.direct.add(`${name}.example`);
  });

  test('one that goes DIRECT and is there: a fake address, after one question', async () => {
    expect(await ask('here.example', 'A')).toMatchObject({ verdict: 'fake', message: { rcode: 'NOERROR' } });
    expect(ground.upstream.asked).toEqual(['A here.example']);
  });

  test("the question takes a place of the asker's", async () => {
    ground.direct.add('six.example').add('here.example');
    const clients: unknown[] = [];
    const directResolver = {
      query: async (question: Question) => {
        clients.push(question.client);
        return await ground.upstream.query(question);
      },
    };
    ground.router = make({ directResolver });
    await ask('here.example', 'A');
    await ask('six.example', 'A');
    expect(clients).toEqual([client, client, client]);
  });

  test('one that goes DIRECT and is not there: NXDOMAIN for every type that leads to an address; no address is used up', async () => {
    for (const type of ['A', 'AAAA', 'HTTPS', 'ANY']) {
      expect(await ask('gone.example', type), type).toMatchObject({
        verdict: 'absent',
        upstream: 'udp://192.0.2.53:53',
        message: { rcode: 'NXDOMAIN', answers: [], authorities: soa },
      });
    }
    expect(ground.pool.used).toBe(0);
  });

  test('"no address" counts only when both families say so: a host may have IPv6 alone', async () => {
    expect(await ask('six.example', 'A')).toMatchObject({ verdict: 'fake', message: { answers: [{ type: 'A' }] } });
    expect(await ask('mail.example', 'A')).toMatchObject({
      verdict: 'absent',
      message: { rcode: 'NOERROR', answers: [], authorities: soa },
    });
  });

  test("an upstream's trouble: SERVFAIL as it came; silence is no denial, nor is trouble with one family of addresses", async () => {
    for (const name of ['ill.example', 'lame.example']) {
      expect(await ask(name, 'A'), name).toMatchObject({ verdict: 'error', message: { rcode: 'SERVFAIL' } });
    }
    expect(await ask('only6.example', 'A')).toMatchObject({ verdict: 'fake', message: { answers: [{ type: 'A' }] } });
    expect(await ask('deaf.example', 'A')).toMatchObject({ verdict: 'fake' });
  });

  test('is waited for a second at most; the question goes on, for the dialler', async () => {
    ground.router = make({ directResolver: resolvers.slow });
    const answer = ask('here.example', 'A');
    await ground.clock.advance(999);
    expect(ground.pool.used).toBe(0);
    await ground.clock.advance(1);
    expect(await answer).toMatchObject({ verdict: 'fake' });
    expect(resolvers.slow.asked[0]?.signal.aborted).toBe(false);
  });

  test('of one that is proxied or undecided is not asked here; once known to be missing it is told', async () => {
    expect(await ask('far.dumb.example', 'A')).toMatchObject({ verdict: 'fake' });
    const denial = { ...queryFor(0, 'far.dumb.example', 'A', undefined), rcode: 'NXDOMAIN' };
    ground.missing.add(
      'far.dumb.example',
      { ...denial, authorities: [denialSoa('far.dumb.example')] },
      'https://192.0.2.1',
      'dumb',
    );
    for (const type of ['A', 'AAAA', 'HTTPS']) {
      expect(await ask('far.dumb.example', type)).toMatchObject({
        verdict: 'absent',
        upstream: 'https://192.0.2.1',
        message: { rcode: 'NXDOMAIN', authorities: soa },
      });
    }
    await ground.clock.advance(5_000);
    expect(await ask('far.dumb.example', 'A')).toMatchObject({ verdict: 'fake' });
    expect(ground.upstream.asked).toEqual([]);
  });

  test('counts only as long as its connections may go by the outbound that denied it', async () => {
    const denial = { ...queryFor(0, 'far.example', 'A', undefined), rcode: 'NXDOMAIN' };
    ground.missing.add(
      'far.example',
      { ...denial, authorities: [denialSoa('far.example')] },
      'https://192.0.2.1',
      'former',
    );
    expect(ground.router.isPlainFake('far.example')).toBe(true);
    expect(await ask('far.example', 'A')).toMatchObject({ verdict: 'fake' });
    expect(ground.remote.asked).toEqual([]);
  });

  test('of one that was missing lately is asked by the same way before it gets an address again', async () => {
    const denial = { ...queryFor(0, '', 'A', undefined), rcode: 'NXDOMAIN' };
    for (const name of ['still.example', 'found.example', 'unwell.example']) {
      ground.missing.add(name, { ...denial, authorities: [denialSoa(name)] }, 'https://192.0.2.1', 'far');
    }
    await ground.clock.advance(5_000);
    expect(ground.router.isPlainFake('still.example')).toBe(false);
    expect(await ask('still.example', 'AAAA')).toMatchObject({ verdict: 'absent', message: { rcode: 'NXDOMAIN' } });
    expect(await ask('found.example', 'A')).toMatchObject({ verdict: 'fake' });
    expect(await ask('unwell.example', 'A')).toMatchObject({ verdict: 'fake' });
    expect(ground.remote.asked).toEqual(['A still.example', 'A found.example', 'A unwell.example']);
    expect(['still', 'found', 'unwell'].map((name) => ground.router.isPlainFake(`${name}.example`))).toEqual([
      false,
      true,
      false,
    ]);
    await ground.clock.advance(300_000);
    expect(await ask('still.example', 'A')).toMatchObject({ verdict: 'fake' });
    expect(ground.remote.asked).toHaveLength(3);
    expect(ground.upstream.asked).toEqual([]);
  });

  test("is not undone by the resolver's search list; a name of its own under a like name is one", async () => {
    await ask('gone.example', 'A');
    for (const type of ['A', 'AAAA']) {
      expect(await ask('gone.example.lan.example', type)).toMatchObject({
        verdict: 'absent',
        message: { rcode: 'NXDOMAIN', authorities: [{ type: 'SOA', name: 'example.lan.example' }] },
      });
    }
    expect(ground.router.isPlainFake('gone.example.lan.example')).toBe(false);
    expect(await ask('www.gone.example', 'A')).toMatchObject({ verdict: 'fake' });
    ground.direct.add('gone.example.here.example');
    ground.upstream.asked.splice(0);
    await ask('gone.example.here.example', 'A');
    expect(ground.upstream.asked).toEqual(['A gone.example.here.example']);
    await ground.clock.advance(5_000);
    expect(await ask('gone.example.lan.example', 'A')).toMatchObject({ verdict: 'fake' });
  });

  test('is told of what a resolver makes of it with the domain of the network, too', async () => {
    await ask('gone.example', 'A');
    ground.upstream.asked.splice(0);
    expect(await ask('gone.example.home.example', 'A')).toMatchObject({ verdict: 'absent' });
    expect(ground.upstream.asked).toEqual([]);
  });

  test('is kept to oneself with `truthful: off`', async () => {
    ground.router = make({ truthful: false });
    expect(await ask('gone.example', 'A')).toMatchObject({ verdict: 'fake' });
    expect(ground.upstream.asked).toEqual([]);
  });
});

describe('redir-host', () => {
  test('real addresses with TTL 1, remembered with their name; hints that lead around us are left out', async () => {
    ground.router = make({ mode: redirHost });
    expect(await ask('here.example', 'A')).toMatchObject({
      verdict: 'real',
      message: { answers: [{ data: '192.0.2.80', ttl: 1 }] },
    });
    expect(ground.memory.lookup('192.0.2.80')).toBe('here.example');
    expect(await ask('here.example', 'HTTPS')).toMatchObject({ verdict: 'local', message: { answers: [] } });
    expect(await ask('gone.example', 'A')).toMatchObject({ verdict: 'real', message: { rcode: 'NXDOMAIN' } });
    expect(ground.pool.used).toBe(0);
  });

  test('without IPv6 there are no AAAA records', async () => {
    ground.router = make({ mode: redirHost, ipv6: false });
    expect(await ask('six.example', 'AAAA')).toMatchObject({ verdict: 'local', message: { answers: [] } });
  });

  test('without IPv6 nothing in an answer leads there: no AAAA for ANY, no hint beside other parameters', async () => {
    const hints = Uint8Array.from([
      0,
      1,
      0,
      0,
      4,
      0,
      4,
      192,
      0,
      2,
      1,
      0,
      6,
      0,
      16,
      ...Array.from({ length: 16 }, () => 1),
    ]);
    const found = {
      'ANY captive.apple.com': [
        record('captive.apple.com', 'A', '192.0.2.1'),
        record('captive.apple.com', 'AAAA', '2001:db8::1'),
      ],
      'HTTPS captive.apple.com': [record('captive.apple.com', 'HTTPS', hints)],
    };
    for (const [ipv6, any, length] of [
      [true, ['A', 'AAAA'], 31],
      [false, ['A'], 11],
    ] as const) {
      ground.router = make({ ipv6, resolver: new TableResolver(found) });
      expect((await ask('captive.apple.com', 'ANY')).message.answers.map(({ type }) => type)).toEqual(any);
      expect((await ask('captive.apple.com', 'HTTPS')).message.answers[0]?.data).toHaveLength(length);
    }
  });
});

describe('what the pool alone answers', () => {
  test('is exactly what the long way answers with a fake address and without asking', async () => {
    ground.direct.add('direct.example.com');
    const names = [
      'example.com',
      'a.b.example.com',
      'direct.example.com',
      'static.example',
      'alias.example',
      'nas.lan',
      'localhost',
      'x.localhost',
      'single',
      'use-application-dns.net',
      'captive.apple.com',
      '10.1.2.3',
      'x.onion',
      'named.onion',
      'a.arpa',
      'wiki.home.example',
    ];
    await ask('first.home.example', 'A');
    ground.upstream.asked.splice(0);
    for (const name of names) {
      const { verdict } = await ask(name, 'A');
      const asked = ground.upstream.asked.splice(0).length > 0;
      expect([name, ground.router.isPlainFake(name)]).toEqual([
        name,
        verdict === 'fake' && !asked && name !== 'alias.example',
      ]);
    }
    expect(make({ mode: redirHost }).isPlainFake('example.com')).toBe(false);
    expect(make({ blockDoh: true }).isPlainFake('dns.google')).toBe(false);
    expect(make({ truthful: false }).isPlainFake('direct.example.com')).toBe(true);
  });

  test('a name that becomes missing is none, and what was remembered is to be forgotten', () => {
    const { generation } = ground.router;
    expect(ground.router.isPlainFake('gone.example.com')).toBe(true);
    const denial = { ...queryFor(0, 'gone.example.com', 'A', undefined), rcode: 'NXDOMAIN' };
    const message = { ...denial, authorities: [denialSoa('gone.example.com')] };
    ground.missing.add('gone.example.com', message, 'udp://192.0.2.53:53', 'far');
    expect(ground.router.generation).not.toBe(generation);
    expect(ground.router.isPlainFake('gone.example.com')).toBe(false);
  });
});
