/**
 * Each type of rule that needs a fact of a machine: programs, users, sockets, sets and doors are real, and the row of each connection
 * tells which rule it was, and what the rule led to. What differs only in that fact is decided by the last rule.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ConnectionRow } from '../../../core/contract/flow.ts';
import { eventually } from '../../support/eventually.ts';
import { asnDatabase, countryDatabase, geositeFile } from '../../support/geodata.ts';
import type { Machine } from '../../support/lab.ts';
import { Mirage } from '../../support/mirage.ts';
import { describeInLab } from '../../support/tier.ts';
import { World } from '../../support/world.ts';

const files = 'http://203.0.113.80:8000';
const profile = `
mixed-port: 7890
allow-lan: true
bind-address: '*'
authentication: ['alice:wonder', 'bob:builder']
geodata-mode: false
geox-url: { geosite: '${files}/geosite.dat', mmdb: '${files}/country.mmdb', asn: '${files}/asn.mmdb' }
dns: { nameserver: [10.20.0.1], fake-ip-range: 198.18.0.0/15 }
proxies:
  - { name: dante, type: socks5, server: 10.20.0.1, port: 1080, udp: true }
  - { name: micro, type: socks5, server: 10.20.0.1, port: 1082 }
proxy-groups:
  - { name: inner, type: select, proxies: [dante] }
  - { name: outer, type: select, proxies: [inner] }
rule-providers:
  names: { type: inline, behavior: domain, payload: ['+.set.direct.example'] }
  networks: { type: inline, behavior: ipcidr, payload: [203.0.113.83/32] }
  classical: { type: inline, behavior: classical, payload: ['DST-PORT,8103', 'PROCESS-NAME,in-a-set'] }
  sources: { type: inline, behavior: ipcidr, payload: [10.20.0.77/32] }
sub-rules:
  below: ['DST-PORT,8107,micro', 'DST-PORT,8108,outer']
rules:
  - DOMAIN,files.invalid,DIRECT
  - PROCESS-NAME,by-name,outer
  - PROCESS-NAME-REGEX,^by-(regex|pattern)$,micro
  - PROCESS-NAME-WILDCARD,by-wild*,dante
  - PROCESS-PATH,/run/programs/path/tool,dante
  - PROCESS-PATH-REGEX,^/run/programs/r\\d/,micro
  - PROCESS-PATH-WILDCARD,/run/programs/w?/*,outer
  - UID,65534,dante
  # No port that a program is given by itself (ip_local_port_range).
  - SRC-PORT,20100-20199,micro
  - DSCP,46,dante
  - 'SUB-RULE,(AND,((DST-PORT,8107-8109),(NETWORK,TCP))),below'
  - 'AND,((DST-PORT,8104),(NETWORK,UDP)),dante'
  - 'AND,((DST-PORT,8105),(NOT,((UID,1)))),micro'
  - 'OR,((DST-PORT,8106),(PROCESS-NAME,either)),dante'
  - DST-PORT,8101/8110-8111,micro
  - RULE-SET,names,dante
  - RULE-SET,classical,micro
  - GEOSITE,lab,micro
  - GEOIP,XB,dante
  - IP-ASN,64500,micro
  - RULE-SET,networks,dante
  - IP-SUFFIX,0.0.0.84/8,micro
  - SRC-GEOIP,XA,micro
  - SRC-IP-ASN,64501,dante
  - RULE-SET,sources,micro,src
  - SRC-IP-CIDR,10.20.0.78/32,dante
  - IN-USER,bob,micro
  - IN-TYPE,SOCKS,dante
  - IN-TYPE,HTTPS,micro
  - IN-PORT,7890,dante
  - IN-NAME,DEFAULT-TUN,DIRECT
  - MATCH,REJECT
`;
/** Connects or sends from a socket with a type of service, and hears something back: `NETWORK ADDRESS PORT TOS SOURCE_PORT`. */
const socketProgram = `
import socket, sys
network, address, port, tos, source = sys.argv[1:]
s = socket.socket(socket.AF_INET, socket.SOCK_STREAM if network == 'tcp' else socket.SOCK_DGRAM)
s.settimeout(8)
s.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, int(tos))
if int(source):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(('', int(source)))
s.connect((address, int(port)))
s.send(b'x')
print(s.recv(99).decode())
`;
/** Says who asks, by TCP and UDP, at every port that a rule may be about. */
const server = `
import asyncio
ports = [80, *range(8100, 8113)]
async def tcp(reader, writer):
    await reader.read(1)
    body = 'client=%s' % writer.get_extra_info('peername')[0]
    writer.write(('HTTP/1.0 200 OK\\r\\ncontent-length: %d\\r\\n\\r\\n%s' % (len(body), body)).encode())
    await writer.drain(); writer.close()
class Udp(asyncio.DatagramProtocol):
    def connection_made(self, transport): self.transport = transport
    def datagram_received(self, data, peer): self.transport.sendto(('client=%s' % peer[0]).encode(), peer)
async def main():
    loop = asyncio.get_running_loop()
    for port in ports:
        await asyncio.start_server(tcp, '0.0.0.0', port)
        for last in range(80, 88): await loop.create_datagram_endpoint(Udp, local_addr=('203.0.113.%d' % last, port))
    print('ready', flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
`;

const at = (last: number, port = 8100): string => `http://203.0.113.${last}:${port}/`;
/** A copy of curl at this path. */
const program = (path: string, url = at(80)): string =>
  `mkdir -p $(dirname ${path}); cp -n /usr/bin/curl ${path}; ${path} -sS -m 8 ${url}`;
const socket = (network: string, port = 8100, tos = 0, source = 0, as = ''): string =>
  `${as} /usr/bin/python3 /run/sockets.py ${network} 203.0.113.80 ${port} ${tos} ${source}`;
const nobody = 'setpriv --reuid 65534 --regid 65534 --clear-groups';
const viaMixed = (user: string, how: string, url = at(80), source = ''): string =>
  `curl -sS -m 8 ${source} ${how.replace('USER', `${user}@10.20.0.2:7890`)} ${url}`;
const alice = 'alice:wonder';
const bob = 'bob:builder';
const dante = ['dante'];
const micro = ['micro'];
const outer = ['dante', 'inner', 'outer'];

/** What is done, which rule it is, and where that leads. */
interface Row {
  readonly does: string;
  readonly rule: string;
  readonly chain: readonly string[];
  /** From the router, by the mixed port. */
  readonly elsewhere?: true;
}
const tun = 'IN-NAME,DEFAULT-TUN';
/** What within it decided is told by a trace; the row names the rule of the list. */
const below = 'SUB-RULE,(AND,((DST-PORT,8107-8109),(NETWORK,tcp)))';
const direct = ['DIRECT'];
const rows: readonly Row[] = [
  { does: program('/run/programs/by-name'), rule: 'PROCESS-NAME,by-name', chain: outer },
  { does: program('/run/programs/by-names'), rule: tun, chain: direct },
  { does: program('/run/programs/by-pattern'), rule: 'PROCESS-NAME-REGEX,^by-(regex|pattern)$', chain: micro },
  { does: program('/run/programs/by-wildcard'), rule: 'PROCESS-NAME-WILDCARD,by-wild*', chain: dante },
  { does: program('/run/programs/path/tool'), rule: 'PROCESS-PATH,/run/programs/path/tool', chain: dante },
  { does: program('/run/programs/other/tool'), rule: tun, chain: direct },
  { does: program('/run/programs/r1/tool'), rule: 'PROCESS-PATH-REGEX,^/run/programs/r\\d/', chain: micro },
  { does: program('/run/programs/w1/tool'), rule: 'PROCESS-PATH-WILDCARD,/run/programs/w?/*', chain: outer },
  { does: program('/run/programs/w12/tool'), rule: tun, chain: direct },
  { does: `${nobody} curl -sS -m 8 ${at(80)}`, rule: 'UID,65534', chain: dante },
  { does: socket('udp', 8100, 0, 0, nobody), rule: 'UID,65534', chain: dante },
  { does: socket('tcp', 8100, 0, 20_100), rule: 'SRC-PORT,20100-20199', chain: micro },
  { does: socket('tcp', 8100, 0, 40_200), rule: tun, chain: direct },
  { does: socket('udp', 8100, 0xb8), rule: 'DSCP,46', chain: dante },
  { does: socket('tcp', 8100, 0xb8), rule: 'DSCP,46', chain: dante },
  { does: socket('tcp', 8100, 0xb9), rule: 'DSCP,46', chain: dante },
  { does: socket('udp', 8100, 0xb4), rule: tun, chain: direct },
  { does: socket('udp', 8104), rule: 'AND,((DST-PORT,8104),(NETWORK,udp))', chain: dante },
  { does: socket('tcp', 8104), rule: tun, chain: direct },
  { does: socket('tcp', 8105), rule: 'AND,((DST-PORT,8105),(NOT,((UID,1))))', chain: micro },
  { does: socket('tcp', 8105, 0, 0, 'setpriv --reuid 1'), rule: tun, chain: direct },
  { does: socket('tcp', 8106), rule: 'OR,((DST-PORT,8106),(PROCESS-NAME,either))', chain: dante },
  { does: program('/run/programs/either'), rule: 'OR,((DST-PORT,8106),(PROCESS-NAME,either))', chain: dante },
  { does: socket('tcp', 8107), rule: below, chain: micro },
  { does: socket('tcp', 8108), rule: below, chain: outer },
  { does: socket('tcp', 8109), rule: tun, chain: direct },
  { does: socket('udp', 8107), rule: tun, chain: direct },
  { does: socket('tcp', 8101), rule: 'DST-PORT,8101/8110-8111', chain: micro },
  { does: socket('tcp', 8111), rule: 'DST-PORT,8101/8110-8111', chain: micro },
  { does: socket('tcp', 8112), rule: tun, chain: direct },
  { does: 'curl -sS -m 8 http://a.set.direct.example/', rule: 'RULE-SET,names', chain: dante },
  { does: socket('tcp', 8103), rule: 'RULE-SET,classical', chain: micro },
  { does: program('/run/programs/in-a-set'), rule: 'RULE-SET,classical', chain: micro },
  { does: 'curl -sS -m 8 http://a.geo.direct.example/', rule: 'GEOSITE,lab', chain: micro },
  { does: `curl -sS -m 8 ${at(81)}`, rule: 'GEOIP,XB', chain: dante },
  { does: `curl -sS -m 8 ${at(82)}`, rule: 'IP-ASN,64500', chain: micro },
  { does: `curl -sS -m 8 ${at(83)}`, rule: 'RULE-SET,networks', chain: dante },
  { does: `curl -sS -m 8 ${at(84)}`, rule: 'IP-SUFFIX,0.0.0.84/8', chain: micro },
  { does: `curl -sS -m 8 ${at(85)}`, rule: tun, chain: direct },
  {
    does: viaMixed(alice, '-x http://USER', at(80), '--interface 10.20.0.75'),
    rule: 'SRC-GEOIP,XA',
    chain: micro,
    elsewhere: true,
  },
  {
    does: viaMixed(alice, '-x http://USER', at(80), '--interface 10.20.0.76'),
    rule: 'SRC-IP-ASN,64501',
    chain: dante,
    elsewhere: true,
  },
  {
    does: viaMixed(alice, '-x http://USER', at(80), '--interface 10.20.0.77'),
    rule: 'RULE-SET,sources',
    chain: micro,
    elsewhere: true,
  },
  {
    does: viaMixed(alice, '-x http://USER', at(80), '--interface 10.20.0.78'),
    rule: 'SRC-IP-CIDR,10.20.0.78/32',
    chain: dante,
    elsewhere: true,
  },
  { does: viaMixed(bob, '-x socks5://USER'), rule: 'IN-USER,bob', chain: micro, elsewhere: true },
  { does: viaMixed(alice, '-x socks5h://USER'), rule: 'IN-TYPE,SOCKS', chain: dante, elsewhere: true },
  { does: viaMixed(alice, '-p -x http://USER'), rule: 'IN-TYPE,HTTPS', chain: micro, elsewhere: true },
  { does: viaMixed(alice, '-x http://USER'), rule: 'IN-PORT,7890', chain: dante, elsewhere: true },
];

describeInLab('rules about facts of a machine', () => {
  let world: World;
  let mirage: Mirage;

  beforeAll(async () => {
    world = await World.create();
    const { client, router, web } = world;
    await web.sh('for i in 81 82 83 84 85 86 87; do ip addr add 203.0.113.$i/24 dev eth0; done');
    await router.sh('for i in 75 76 77 78; do ip addr add 10.20.0.$i/24 dev eth0; done');
    await web.spawn('python3', ['-c', server]).printed(/ready/);
    await world.startDante();
    await world.startMicrosocks(router, '10.20.0.1', 1082);
    await client.write('/run/sockets.py', socketProgram);
    const base = (name: string, bytes: Buffer) =>
      web.run('sh', ['-c', `mkdir -p ${web.directory}/files; cat > ${web.directory}/files/${name}`], { input: bytes });
    await base('geosite.dat', geositeFile({ LAB: [['suffix', 'geo.direct.example']] }));
    await base(
      'country.mmdb',
      countryDatabase({ XA: ['10.20.0.75/32'], XB: ['203.0.113.81/32'] }, { bits: 24, form: 'maxmind' }),
    );
    await base(
      'asn.mmdb',
      asnDatabase({ 64500: ['203.0.113.82/32'], 64501: ['10.20.0.76/32'] }, { bits: 24, version: 4 }),
    );
    // Not as a subscription: none of those may open a port to the network.
    await client.write(`${client.directory}/rules.yaml`, profile);
    await web
      .spawn('python3', ['-u', '-m', 'http.server', '8000', '--directory', `${web.directory}/files`])
      .printed(/Serving HTTP/);
    mirage = new Mirage(client);
    await mirage.start();
    await mirage.json('profile', 'add', `${client.directory}/rules.yaml`);
    await mirage.serve('--enhanced').printed(/Enhanced Mode is on/);
    await eventually(async () => expect(await missing()).toEqual([]), 60_000);
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  const missing = async () => (await mirage.json<{ warnings: { code: string }[] }>('status')).warnings;
  const seen = new Set<string>();
  /** Of all connections to what the rows are about, that were not there before. */
  const newRows = async (): Promise<ConnectionRow[]> => {
    const fresh = (await mirage.connections()).filter(
      ({ id, destination: { host, port } }) =>
        !seen.has(id) && /^203\.0\.113\.8|direct\.example$/.test(host) && port !== 8000,
    );
    for (const { id } of fresh) seen.add(id);
    return fresh;
  };

  test.each(rows)('$rule: $does', async ({ does, rule, chain, elsewhere }) => {
    await newRows();
    const from: Machine = elsewhere === true ? world.router : world.client;
    const { stdout, stderr } = await from.run('sh', ['-c', does]);
    const rows = await newRows();
    const decided = rows.map((row) => [`${row.rule?.type},${row.rule?.payload}`, ...row.chain]);
    // A connection that a kernel begins anew (an ACK of one before it, RFC 9293 section 3.10.7.3) is a flow more, by the same rule.
    expect(decided.length, JSON.stringify(rows)).toBeGreaterThan(0);
    for (const each of decided) expect(each, JSON.stringify(rows)).toEqual([rule, ...chain]);
    expect(stdout, stderr).toContain(chain[0] === 'DIRECT' ? 'client=10.20.0.2' : 'client=203.0.113.1');
  });
});
