/**
 * Networks that few have: under MATCH,DIRECT what programs do every day has the same outcome as without us, seen by the far side from
 * the same address. The client has a second way out, a machine at 10.66.0.1 that has the same web servers.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Machine } from './lab.ts';
import { Mirage } from './mirage.ts';
import { profile } from './profiles.ts';
import { describeInLab } from './tier.ts';
import { World } from './world.ts';

export interface Row {
  readonly title: string;
  readonly on: string;
  readonly off: string;
  /** The same of the second way's machine. */
  readonly there?: string;
  readonly thereOff?: string;
  /** The set-up comes while we run. */
  readonly later?: true;
  /** What is done besides, or instead where the key is the same; an empty text leaves something out. */
  readonly also?: Readonly<Record<string, string>>;
}

/** With MIRAGE_ALL_NETWORKS=1 all rows are tried, else those that were mended once. */
export function describeNetworks(title: string, mended: readonly Row[], tail: readonly Row[]): void {
  describeInLab(title, () => {
    let world: World;
    let second: Machine;
    let mirage: Mirage;
    let plain: string;

    beforeAll(async () => {
      world = await World.create();
      second = await world.lab.machine('second');
      await world.lab.link(world.client, '10.66.0.2/24', second, '10.66.0.1/24');
      await second.sh(`for a in 203.0.113.80 203.0.113.99; do ip addr add $a/32 dev lo; done
  ip route add 10.20.0.0/24 via 10.66.0.2; echo 1 > /proc/sys/net/ipv4/conf/eth0/proxy_arp; echo 1 > /proc/sys/net/ipv4/ip_forward
  ip route add 203.0.113.0/24 dev lo`);
      await world.web.sh('ip addr add 203.0.113.99/32 dev lo');
      await Promise.all(
        [world.web, second].flatMap((machine) =>
          ['203.0.113.80', '203.0.113.99'].map(async (address) => {
            const server = machine.spawn(process.execPath, [
              new URL('web-server.ts', import.meta.url).pathname,
              address,
            ]);
            await server.printed(/ready/);
          }),
        ),
      );
      mirage = new Mirage(world.client);
      await mirage.start();
      plain = await world.client.networkState();
    });
    afterAll(async () => {
      await world?.[Symbol.asyncDispose]();
    });

    const everyday = {
      name: 'tcp,direct.example',
      address: 'tcp,203.0.113.80',
      user: '@65534 tcp,203.0.113.80',
      userName: '@65534 tcp,direct.example',
      userUdp: '@65534 udp,203.0.113.80',
      udp: 'udp,203.0.113.80',
      udpName: 'udp,direct.example',
      ping: 'ping,203.0.113.80',
      pingName: 'ping,direct.example',
      lan: 'ping,10.20.0.1',
      text: 'dig,direct.example,TXT',
      missing: 'dig,gone.example',
    };
    const ask = async (also: Row['also'] = {}): Promise<Record<string, string>> => {
      const asked = Object.entries({ ...everyday, ...also }).filter(([, what]) => what !== '');
      const program = new URL('everyday.py', import.meta.url).pathname;
      const words = asked.map(([key, what]) => `${key}=${what}`);
      const { stdout, stderr } = await world.client.run('python3', [program, ...words]);
      if (stdout === '') throw new Error(stderr);
      return JSON.parse(stdout) as Record<string, string>;
    };
    const isAll = process.env['MIRAGE_ALL_NETWORKS'] === '1';

    test.each(isAll ? [...mended, ...tail] : mended)('$title', async ({ on, off, there, thereOff, later, also }) => {
      const change = async (): Promise<void> => {
        if (there !== undefined) await second.sh(there);
        await world.client.sh(on);
      };
      try {
        if (later === true) {
          await mirage.enhanced(profile(['MATCH,DIRECT']));
          await change();
          await sleep(500);
          const beside = await ask(also);
          await mirage.off();
          expect(beside).toEqual(await ask(also));
        } else {
          await change();
          // Once more if need be: who waits on a busy machine may have given up, with us or without.
          for (let tries = 1; ; tries++) {
            const without = await ask(also);
            await mirage.enhanced(profile(['MATCH,DIRECT']));
            const beside = await ask(also);
            if (tries === 3) expect(beside).toEqual(without);
            if (isDeepStrictEqual(beside, without)) break;
            await mirage.off();
          }
        }
      } finally {
        await mirage.off();
        await world.client.sh(off);
        if (thereOff !== undefined) await second.sh(thereOff);
      }
      expect(await world.client.networkState()).toBe(plain);
    });
  });
}
