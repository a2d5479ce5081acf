/** The name in the first datagrams of a real QUIC client: Chromium. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { launchBrowser } from '../../support/browser.ts';
import { eventually } from '../../support/eventually.ts';
import type { Running } from '../../support/lab.ts';
import { Mirage } from '../../support/mirage.ts';
import { profile } from '../../support/profiles.ts';
import { describeInLab } from '../../support/tier.ts';
import { World } from '../../support/world.ts';

const sniffer = 'sniffer:\n  enable: true\n  sniff:\n    QUIC: { ports: [443] }\n';
/** Takes datagrams at UDP 443, and tells their lengths and the versions in their heads. */
const sink = `
const server = require('node:dgram').createSocket('udp4');
server.on('message', (m, from) => console.log('datagram ' + m.length + ' version ' + m.readUInt32BE(1) + ' from ' + from.address));
server.bind(443, '203.0.113.80', () => console.log('ready'));`;

describeInLab('QUIC of Chromium', () => {
  let world: World;
  let mirage: Mirage;
  let server: Running;

  beforeAll(async () => {
    world = await World.create();
    server = world.web.spawn(process.execPath, ['-e', sink]);
    await server.printed(/ready/);
    await world.startDante(1080);
    mirage = new Mirage(world.client);
    await mirage.start();
    await mirage.enhanced(profile(['DOMAIN-SUFFIX,hidden.example,dante', 'MATCH,DIRECT'], sniffer));
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  test('to a bare address: the name is found, and the datagrams that were looked at arrive by the proxy', async () => {
    const host = 'quic.hidden.example';
    const browser = await launchBrowser(world.client, 'en-US', [
      '--enable-quic',
      `--origin-to-force-quic-on=${host}:443`,
      `--host-resolver-rules=MAP ${host} 203.0.113.80`,
    ]);
    const page = await browser.newPage();
    const visit = page.goto(`https://${host}/`).catch(() => undefined);
    await eventually(async () => {
      const rows = await mirage.connections();
      expect(rows.find(({ network, destination }) => network === 'udp' && destination.host === host)).toMatchObject({
        domainSource: 'sniffed',
        chain: ['dante'],
        rule: { type: 'DOMAIN-SUFFIX' },
      });
    });
    await eventually(() =>
      expect(server.output.match(/datagram 1[2-4]\d\d version 1 from 203\.0\.113\.1/g)?.length).toBeGreaterThanOrEqual(
        2,
      ),
    );
    await browser.close();
    await visit;
  });
});
