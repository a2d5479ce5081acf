/** Datagrams of the mixed port, and streams of the control plane, through real servers of nodes. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import dgram from 'node:dgram';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../core/base/clock.ts';
import type { Endpoint } from '../../../core/contract/flow.ts';
import type { ShadowsocksCipher } from '../../../core/contract/proxy-config.ts';
import type { ChainLink } from '../../../core/outbound/chain-link.ts';
import { EgressUdpWays } from '../../../core/outbound/egress-udp-ways.ts';
import { ProxyOutbound } from '../../../core/outbound/proxy-outbound.ts';
import { shadowsocksLink } from '../../../core/outbound/shadowsocks-link.ts';
import { trojanLink } from '../../../core/outbound/trojan-link.ts';
import { TestAuthority } from '../../support/certificate.ts';
import { peerFile } from '../../support/peers.ts';
import { Loopback } from '../net/loopback.ts';
import { dialOptions, LoopbackEgress, NamedAddresses } from './doubles.ts';

const installed = (program: string): boolean => spawnSync('which', [program]).status === 0;
const singBox = peerFile('bin/sing-box');
const loopback = new Loopback();
const running: ChildProcess[] = [];
const sockets: dgram.Socket[] = [];
let directory = '';

beforeEach(() => {
  directory = fs.mkdtempSync(path.join(os.tmpdir(), 'mirage-nodes-'));
});
afterEach(async () => {
  for (const child of running.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }
  for (const socket of sockets.splice(0)) socket.close();
  fs.rmSync(directory, { recursive: true });
  await loopback.closeAll();
});

async function serve(program: string, args: readonly string[], port: number): Promise<ChildProcess> {
  const child = spawn(program, args, { stdio: 'ignore' });
  running.push(child);
  const answers = (): Promise<boolean> =>
    new Promise((resolve) => {
      const probe = net.connect({ host: '127.0.0.1', port }, () => resolve(true));
      probe.on('error', () => resolve(false)).on('connect', () => probe.destroy());
    });
  await expect.poll(answers, { timeout: 20_000 }).toBe(true);
  return child;
}

function outboundOf(link: ChainLink): ProxyOutbound {
  const services = {
    egress: new LoopbackEgress(),
    resolver: new NamedAddresses({}),
    clock: systemClock,
    timeoutMs: 5000,
  };
  return new ProxyOutbound('peer', [link], services);
}

/** An echo of datagrams, in capitals. */
async function echo(): Promise<Endpoint> {
  const socket = dgram.createSocket('udp4');
  sockets.push(socket);
  socket.on('message', (data, from) => socket.send(String(data).toUpperCase(), from.port, from.address));
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return { host: '127.0.0.1', port: socket.address().port };
}

/** Both kinds of flows through a node, then what is told when its server dies. */
async function prove(link: ChainLink, server: ChildProcess, endsWithServer: boolean): Promise<void> {
  const outbound = outboundOf(link);
  const signal = new AbortController().signal;
  const web = await loopback.listen((socket) => void socket.end('hello'));
  const { readable } = await outbound.dialStream({ host: '127.0.0.1', port: web }, dialOptions());
  const heard: Buffer[] = [];
  for await (const chunk of readable) heard.push(Buffer.from(chunk as Uint8Array));
  expect(Buffer.concat(heard).toString()).toBe('hello');

  const [one, two] = [await echo(), await echo()];
  const got: string[] = [];
  const ends: string[] = [];
  const plan = await outbound.plan(one, 'udp', signal);
  if (plan.kind !== 'dial') return expect.unreachable();
  const ways = new EgressUdpWays(new LoopbackEgress());
  const way = await ways.open(
    plan,
    {
      onDatagram: ({ port }, data) => void got.push(`${port} ${String(data).length} ${String(data).slice(0, 9)}`),
      onEnd: (reason) => void ends.push(reason),
    },
    signal,
  );
  const long = 'y'.repeat(1_200);
  // Each may be lost, as a datagram may.
  await expect
    .poll(async () => {
      way.send(one, Buffer.from('to one'));
      way.send(two, Buffer.from(long));
      await new Promise((resolve) => setTimeout(resolve, 20));
      return new Set(got);
    })
    .toEqual(new Set([`${one.port} 6 TO ONE`, `${two.port} 1200 YYYYYYYYY`]));
  server.kill('SIGKILL');
  if (endsWithServer) await expect.poll(() => ends).toContain('reset-by-remote');
  way.close();
}

const shadowsocks = async (cipher: ShadowsocksCipher, password: string) => {
  const port = await loopback.freePort();
  const config = { type: 'ss', name: 'peer', server: '127.0.0.1', port, cipher, password, udp: true } as const;
  return { port, link: shadowsocksLink(config) };
};

describe.skipIf(!installed('ss-server'))('shadowsocks-libev', () => {
  test('streams and datagrams', async () => {
    const { port, link } = await shadowsocks('chacha20-ietf-poly1305', 'a secret');
    const args = ['-s', '127.0.0.1', '-p', String(port), '-m', 'chacha20-ietf-poly1305', '-k', 'a secret', '-u'];
    await prove(link, await serve('ss-server', args, port), false);
  });
});

describe.skipIf(singBox === undefined)('sing-box', () => {
  test('streams and datagrams', async () => {
    const password = Buffer.alloc(32, 7).toString('base64');
    const { port, link } = await shadowsocks('2022-blake3-aes-256-gcm', password);
    const method = '2022-blake3-aes-256-gcm';
    const inbound = { type: 'shadowsocks', listen: '127.0.0.1', listen_port: port, method, password };
    const file = path.join(directory, 'config.json');
    fs.writeFileSync(file, JSON.stringify({ inbounds: [inbound], outbounds: [{ type: 'direct' }] }));
    await prove(link, await serve(singBox ?? '', ['run', '-c', file], port), false);
  });
});

describe.skipIf(!installed('trojan'))('trojan', () => {
  test('streams and datagrams, which end with it', async () => {
    const { cert, key } = new TestAuthority().issue(['t.example']);
    const files = { cert: path.join(directory, 'cert.pem'), key: path.join(directory, 'key.pem') };
    fs.writeFileSync(files.cert, cert);
    fs.writeFileSync(files.key, key);
    const port = await loopback.freePort();
    const config = {
      run_type: 'server',
      local_addr: '127.0.0.1',
      local_port: port,
      remote_addr: '127.0.0.1',
      remote_port: 1,
      password: ['a secret'],
      ssl: files,
    };
    const file = path.join(directory, 'trojan.json');
    fs.writeFileSync(file, JSON.stringify(config));
    const fingerprint = createHash('sha256').update(new X509Certificate(cert).raw).digest('hex');
    const tls = { serverName: 't.example', fingerprint };
    const link = trojanLink({
      type: 'trojan',
      name: 'peer',
      server: '127.0.0.1',
      port,
      password: 'a secret',
      udp: true,
      tls,
    });
    await prove(link, await serve('trojan', ['-c', file], port), true);
  });
});
