import { beforeEach, describe, expect, test } from 'vitest';
import type { RuleConfig, SnifferConfig } from '../../../core/contract/config.ts';
import { settle } from '../../support/manual-clock.ts';
import { clientHello, records } from '../sniff/hello.ts';
import { cryptoFrame, initial } from '../sniff/quic-client.ts';
import { policyOf, rule, Stage } from './stage.ts';

const hello = (name: string, ech = false) => records(clientHello({ name, ech }));
const request = (host: string) => Buffer.from(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
const quic = (name: string) => initial({ payload: cryptoFrame(0, clientHello({ name })) });

let stage: Stage;

/** Everything goes to `far`, but for what these rules say. */
function play(rules: RuleConfig[] = [], sniffer: Partial<SnifferConfig> = {}): void {
  stage = new Stage((own) => policyOf([...rules, rule('MATCH', '', 'far')], [own.far, own.direct], [], sniffer));
}
beforeEach(() => play());

interface Sent {
  readonly at?: number;
  readonly chunk: Buffer;
}

/** An application connects and sends this by itself. Returns the engine's id after `ms`. */
async function connect(to: string, port: number, sent: readonly Sent[], ms = 0, network: 'tcp' | 'udp' = 'tcp') {
  stage.sends = sent.map(({ at = 0, chunk }) => ({ at, chunk }));
  const id = await stage.connect(to, port, network);
  if (ms > 0) await stage.clock.advance(ms);
  return id;
}
const dialTo = (host: string, port = 443) => ({ kind: 'dial', dial: { target: { host, port } } });
const reset = { kind: 'reject', how: 'reset' };

describe('a fake address that means nothing', () => {
  test.each([
    ['the server name', 443, 'tcp', [{ chunk: hello('web.example') }]],
    ['the host of HTTP at any port', 8123, 'tcp', [{ chunk: request('web.example') }]],
    ['the server name of QUIC', 443, 'udp', [{ chunk: quic('web.example') }]],
    ['an outer name: better than nothing', 443, 'tcp', [{ chunk: hello('web.example', true) }]],
    [
      'a hello in pieces',
      443,
      'tcp',
      [{ chunk: hello('web.example').subarray(0, 20) }, { at: 90, chunk: hello('web.example').subarray(20) }],
    ],
  ] as const)('is recovered by %s, for this flow only', async (_what, port, network, sent) => {
    const id = await connect('198.18.9.9', port, sent, 100, network);
    expect(stage.lastVerdict).toMatchObject(dialTo('web.example', port));
    expect(stage.row('1')).toMatchObject({
      destination: { host: 'web.example', port },
      domainSource: 'sniffed',
      fakeIp: '198.18.9.9',
      rule: { type: 'MATCH' },
    });
    expect(stage.recovered).toEqual([['198.18.9.9', 'web.example']]);
    expect(stage.unknown).toEqual([['198.18.9.9', 1, 1]]);
    expect(stage.dispatcher.recoveredFlows).toBe(1);
    expect(stage.pool).toEqual(['unknown 198.18.9.9']);
    stage.engine.end(id, { reason: 'done' });
    expect(stage.pool).toEqual(['unknown 198.18.9.9']);
    expect(stage.log[0]).toContain('to=web.example:');
    expect(stage.log[0]).toContain('named=sniffed fakeIp=198.18.9.9');
  });

  test('never reaches an IP rule as an address', async () => {
    play([rule('IP-CIDR', '198.18.0.0/15', 'DIRECT')]);
    stage.addresses = { 'web.example': ['192.0.2.1'] };
    await connect('198.18.9.9', 443, [{ chunk: hello('web.example') }]);
    expect(stage.resolved).toEqual(['web.example']);
    expect(stage.row('1')).toMatchObject({ rule: { type: 'MATCH' }, matchedIp: '192.0.2.1' });
  });

  test.each([
    ['bytes of another protocol', 'tcp', Buffer.from('hello')],
    ['a hello without a name', 'tcp', records(clientHello({}))],
    ['a name that never has a fake address', 'tcp', hello('nas')],
    ['a name of this machine', 'tcp', request('www.localhost')],
    ['another protocol over UDP', 'udp', Buffer.from('hello')],
  ] as const)('is refused right after %s', async (_what, network, chunk) => {
    await connect('198.18.9.9', 443, [{ chunk }], 0, network);
    expect(stage.lastVerdict).toEqual(reset);
    await settle();
    expect(stage.row('1')).toMatchObject({
      state: 'closed',
      fakeIp: '198.18.9.9',
      error: { code: 'FAKE_IP_UNKNOWN_ADDRESS' },
    });
    expect(stage.unknown).toEqual([['198.18.9.9', 1, 0]]);
    expect(stage.recovered).toEqual([]);
  });

  test('is refused after 300 ms of silence, not before', async () => {
    await connect('198.18.9.9', 25, [], 299);
    expect(stage.engine.verdicts).toEqual([]);
    await stage.clock.advance(1);
    expect(stage.lastVerdict).toEqual(reset);
  });

  test('is refused after 300 ms in all, however many bytes come slowly', async () => {
    const slow = [...hello('web.example')].map((byte, i) => ({ at: i * 20, chunk: Buffer.from([byte]) }));
    await connect('198.18.9.9', 443, slow, 300);
    expect(stage.lastVerdict).toEqual(reset);
  });

  test('that the application leaves meanwhile is nobody’s concern', async () => {
    const id = await connect('198.18.9.9', 443, [], 50);
    stage.engine.end(id, { reason: 'abandoned' });
    await stage.clock.advance(500);
    expect(stage.engine.verdicts).toEqual([]);
    expect(stage.row('1')).toMatchObject({ state: 'closed', closeReason: 'abandoned' });
  });

  test('is not believed a name of the skip list', async () => {
    play([], { skipDomain: ['+.web.example'] });
    await connect('198.18.9.9', 443, [{ chunk: hello('www.web.example') }]);
    expect(stage.lastVerdict).toEqual(reset);
  });

  test('of a stream is refused at once: its bytes are not ours to look at', async () => {
    const refused: string[] = [];
    const destination = { host: '198.18.9.9', port: 443 };
    stage.dispatcher.dispatch({
      kind: 'stream',
      metadata: {
        network: 'tcp',
        inbound: 'mixed',
        source: { host: '127.0.0.1', port: 5 },
        destination,
        originalDestination: destination,
      },
      local: { host: '127.0.0.1', port: 7890 },
      accept: () => {
        throw new Error('must not be accepted');
      },
      reject: ({ code }) => refused.push(code),
    });
    await settle();
    expect(refused).toEqual(['FAKE_IP_UNKNOWN_ADDRESS']);
    expect(stage.unknown).toEqual([['198.18.9.9', 1, 0]]);
  });

  test('whose recovered name cannot be dialled is told by RST, as it was accepted already', async () => {
    const id = await connect('198.18.9.9', 443, [{ chunk: hello('web.example') }]);
    stage.engine.dialed(id, { ok: false, code: 'DIAL_TIMEOUT', message: 'silence', ms: 9 });
    expect(stage.lastVerdict).toEqual(reset);
    expect(stage.failedNames).toEqual([['web.example', 'far', 'DIAL_TIMEOUT']]);
  });
});

describe('a mapping in doubt', () => {
  beforeEach(() => void stage.doubtful.set('198.18.3.1', ['former.example']));

  test.each([
    ['a former name wins', 'former.example', 'former.example', 'sniffed'],
    ['so does one that is outer, since it could be meant', 'former.example', 'former.example', 'sniffed', true],
    ['the mapped name changes nothing', 'host1.example', 'host1.example', 'fake-ip'],
    ['neither does a name that the address never had', 'other.example', 'host1.example', 'fake-ip'],
  ] as const)('%s', async (_what, said, taken, source, ech: boolean = false) => {
    const id = await connect('198.18.3.1', 443, [{ chunk: hello(said, ech) }]);
    expect(stage.lastVerdict).toMatchObject(dialTo(taken));
    expect(stage.row('1')).toMatchObject({ domainSource: source, fakeIp: '198.18.3.1' });
    stage.engine.dialed(id, { ok: false, code: 'DIAL_REFUSED', message: 'no', ms: 9 });
    await settle();
    const outcome = source === 'sniffed' ? '' : 'DIAL_REFUSED';
    expect(stage.pool).toEqual(['opened 198.18.3.1', `closed 198.18.3.1 ${outcome}`]);
    expect(stage.recovered).toEqual(source === 'sniffed' ? [['198.18.3.1', 'former.example']] : []);
  });

  test('a server that speaks first loses 300 ms and nothing else', async () => {
    await connect('198.18.3.1', 7000, [], 299);
    expect(stage.engine.verdicts).toEqual([]);
    await stage.clock.advance(1);
    expect(stage.lastVerdict).toMatchObject(dialTo('host1.example', 7000));
  });

  test('not even that at the ports of mail and SSH', async () => {
    await connect('198.18.3.1', 22, []);
    expect(stage.lastVerdict).toMatchObject(dialTo('host1.example', 22));
    expect(stage.peeks).toEqual([]);
  });

  test('sources of the skip list are not looked at', async () => {
    play([], { skipSource: ['198.18.0.0/24'] });
    stage.doubtful.set('198.18.3.1', ['former.example']);
    await connect('198.18.3.1', 443, [{ chunk: hello('former.example') }]);
    expect(stage.lastVerdict).toMatchObject(dialTo('host1.example'));
  });
});

test('a mapping without doubt is not looked at, unless the profile says so', async () => {
  play([], { enabled: true });
  await connect('198.18.3.1', 443, [{ chunk: hello('other.example') }]);
  expect(stage.peeks).toEqual([]);
  play([], { enabled: true, forceDomain: ['+.example'] });
  await connect('198.18.3.1', 443, [{ chunk: hello('other.example') }]);
  expect(stage.lastVerdict).toMatchObject(dialTo('other.example'));
});

describe('a guess from an earlier answer', () => {
  const byName = rule('DOMAIN-SUFFIX', 'example', 'far');
  const guess = (rules: RuleConfig[], sniffer: Partial<SnifferConfig> = {}) => {
    play(rules, sniffer);
    stage.answered.set('192.0.2.7', 'cdn.example');
  };

  test('gives way to the name that the flow says', async () => {
    guess([byName]);
    await connect('192.0.2.7', 443, [{ chunk: hello('web.example') }]);
    expect(stage.lastVerdict).toMatchObject(dialTo('web.example'));
    expect(stage.row('1').domainSource).toBe('sniffed');
    expect(stage.row('1').fakeIp).toBeUndefined();
  });

  test('an alias of hosts is what it leads to: a proxy does not know it', async () => {
    guess([byName]);
    await connect('192.0.2.7', 443, [{ chunk: hello('alias.example') }]);
    expect(stage.lastVerdict).toMatchObject(dialTo('behind.example'));
    await connect('198.18.9.9', 443, [{ chunk: hello('alias.example') }]);
    expect(stage.lastVerdict).toMatchObject(dialTo('behind.example'));
  });

  test('of a name of the network is dialled by its address; first bytes are not waited for', async () => {
    play();
    stage.answered.set('192.0.2.7', 'nas.lan');
    await connect('192.0.2.7', 443, [{ chunk: hello('web.example') }]);
    expect(stage.lastVerdict).toMatchObject(dialTo('192.0.2.7'));
    expect(stage.row('1').destination.host).toBe('nas.lan');
    expect(stage.peeks).toEqual([]);
    await connect('192.0.2.7', 22, [], 0, 'udp');
    expect(stage.lastVerdict).toMatchObject(dialTo('192.0.2.7', 22));
  });

  test('stands against an outer name, silence, and where nothing is looked for', async () => {
    guess([byName]);
    await connect('192.0.2.7', 443, [{ chunk: hello('front.example', true) }]);
    expect(stage.lastVerdict).toMatchObject(dialTo('cdn.example'));
    await connect('192.0.2.7', 443, [{ chunk: hello('cdn') }]);
    expect(stage.lastVerdict).toMatchObject(dialTo('cdn.example'));
    await connect('192.0.2.7', 443, [], 300);
    expect(stage.lastVerdict).toMatchObject(dialTo('cdn.example'));
    stage.peeks.length = 0;
    await connect('192.0.2.7', 5222, []);
    expect(stage.lastVerdict).toMatchObject(dialTo('cdn.example', 5222));
    expect(stage.peeks).toEqual([]);
    expect(stage.row('4').domainSource).toBe('redir-host');
  });

  test('is matched by name and by the address that was connected to; nothing is resolved', async () => {
    guess([rule('IP-CIDR', '192.0.2.0/24', 'DIRECT')]);
    await connect('192.0.2.7', 5222, []);
    expect(stage.row('1')).toMatchObject({ chain: ['DIRECT'], destination: { host: 'cdn.example' } });
    expect(stage.resolved).toEqual([]);
  });

  test('a direct connection goes to the address that the application chose', async () => {
    guess([rule('DOMAIN', 'web.example', 'DIRECT')]);
    await connect('192.0.2.7', 443, [{ chunk: hello('web.example') }]);
    expect(stage.row('1')).toMatchObject({ chain: ['DIRECT'], destination: { host: 'web.example' } });
    expect(stage.lastVerdict).toMatchObject(dialTo('192.0.2.7'));
  });

  test('is not looked at where no name could change anything', async () => {
    guess([rule('IP-CIDR', '192.0.2.0/24', 'DIRECT'), byName]);
    await connect('192.0.2.7', 443, [{ chunk: hello('web.example') }]);
    expect(stage.peeks).toEqual([]);
    // Through a proxy it goes by name.
    guess([rule('IP-CIDR', '192.0.2.0/24', 'far'), byName]);
    await connect('192.0.2.7', 443, [{ chunk: hello('web.example') }]);
    expect(stage.lastVerdict).toMatchObject(dialTo('web.example'));
  });
});

describe('a bare address', () => {
  const byName = rule('DOMAIN', 'web.example', 'DIRECT');
  const connectBare = (port = 443) => connect('203.0.113.9', port, [{ chunk: hello('web.example') }]);

  test.each([
    ['when sniffing is off', [byName], { enabled: false }, 443],
    ['when no rule is about names', [], { enabled: true }, 443],
    [
      'when a rule about the address comes first',
      [rule('IP-CIDR', '203.0.113.0/24', 'far'), byName],
      { enabled: true },
      443,
    ],
    ['at other ports', [byName], { enabled: true }, 9999],
    ['of the skip list', [byName], { enabled: true, skipDestination: ['203.0.113.9'] }, 443],
  ] as const)('is not looked at %s', async (_when, rules, sniffer, port) => {
    play([...rules], sniffer as Partial<SnifferConfig>);
    await connectBare(port);
    expect(stage.peeks).toEqual([]);
    expect(stage.lastVerdict).toMatchObject(dialTo('203.0.113.9', port));
  });

  test('gets its name where that can change the rule', async () => {
    play([byName], { enabled: true });
    await connectBare();
    expect(stage.row('1')).toMatchObject({ chain: ['DIRECT'], domainSource: 'sniffed', rule: { index: 0 } });
    expect(stage.lastVerdict).toMatchObject(dialTo('203.0.113.9'));
  });

  test('goes through a proxy by its name, or as it is when it says nothing', async () => {
    play([rule('DOMAIN', 'other.example', 'DIRECT')], { enabled: true });
    await connectBare();
    expect(stage.lastVerdict).toMatchObject(dialTo('web.example'));
    await connect('203.0.113.9', 443, [], 300);
    expect(stage.lastVerdict).toMatchObject(dialTo('203.0.113.9'));
  });

  test.each([
    ['a single label', 'kubernetes'],
    ['a name of the network', 'nas.lan'],
    ['a special name', 'abc.onion'],
    ['one that does not exist', 'web.invalid'],
    ['a label of a service', '_sip.web.example'],
    ['an underscore', 'my_host.web.example'],
  ])('that says %s is told to the proxy as the address; rules see the name', async (_what, name) => {
    play([rule('DOMAIN', 'other.example', 'DIRECT')], { enabled: true });
    for (const chunk of [hello(name), request(name)]) {
      await connect('203.0.113.9', chunk[0] === 22 ? 443 : 80, [{ chunk }]);
      expect(stage.lastVerdict).toMatchObject(dialTo('203.0.113.9', chunk[0] === 22 ? 443 : 80));
    }
    expect(stage.row('1').destination.host).toBe(name);
    expect(stage.failedNames).toEqual([]);
    await connect('198.18.9.9', 443, [{ chunk: hello(name) }]);
    expect(stage.lastVerdict).toMatchObject(reset);
  });

  test('that is private stays what it is, whatever name the client says', async () => {
    play([rule('DOMAIN', 'other.example', 'DIRECT')], { enabled: true });
    await connect('192.168.7.7', 443, [{ chunk: hello('web.example') }]);
    expect(stage.lastVerdict).toMatchObject(dialTo('192.168.7.7'));
  });

  test('where clients wait for the server costs 300 ms once; a client that speaks is understood there all the same', async () => {
    play([byName], { enabled: true });
    await connect('203.0.113.25', 8443, [], 300);
    expect(stage.lastVerdict).toMatchObject(dialTo('203.0.113.25', 8443));
    stage.peeks.length = 0;
    await connect('203.0.113.25', 8443, [], 20);
    expect(stage.lastVerdict).toMatchObject(dialTo('203.0.113.25', 8443));
    expect(stage.peeks).toEqual([{ atLeast: 1, timeoutMs: 20 }]);
    await connect('203.0.113.25', 8443, [{ chunk: hello('web.example') }]);
    expect(stage.row('3').destination.host).toBe('web.example');
    stage.peeks.length = 0;
    await connect('203.0.113.25', 8443, [], 300);
    expect(stage.peeks).toEqual([{ atLeast: 1, timeoutMs: 300 }]);
  });

  test('of a proxy on this machine is not looked at', async () => {
    stage = new Stage((own) =>
      policyOf([byName, rule('MATCH', '', 'far')], [own.far, own.direct], [{ host: '127.0.0.1', port: 1080 }], {
        enabled: true,
      }),
    );
    stage.process = { pid: 77, uid: 1000, name: 'ssh', path: '/usr/bin/ssh' };
    stage.loopPids = [77];
    await connectBare();
    expect(stage.peeks).toEqual([]);
    expect(stage.row('1').chain).toEqual(['DIRECT']);
  });
});
