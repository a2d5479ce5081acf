/** The range of fake addresses when it is full, changed, or flushed while everything is in use. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Snapshot } from '../../../core/contract/status.ts';
import { DnsAsker } from '../../support/dns-asker.ts';
import { eventually } from '../../support/eventually.ts';
import type { Running } from '../../support/lab.ts';
import { Mirage } from '../../support/mirage.ts';
import { profile } from '../../support/profiles.ts';
import { describeInLab } from '../../support/tier.ts';
import { addresses, World } from '../../support/world.ts';

const inRange = (range: string): string =>
  profile(['MATCH,dante'], '', { 'fake-ip-range': range }).replace('log-level: debug', 'log-level: warning');
const namesOf = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${prefix}${i}.example`);
/** Not even under pressure an address is given to another name so soon after its last use or the start. Milliseconds. */
const shortestRest = 60_000;

describeInLab('the range of fake addresses', () => {
  /** One with a small range, whose addresses rest while the other, with the usual one, is tested. */
  let small: Stage;
  let usual: Stage;

  beforeAll(async () => {
    [small, usual] = await Promise.all([Stage.create('198.18.0.0/24'), Stage.create('198.18.0.0/15')]);
  });
  afterAll(async () => {
    await small?.[Symbol.asyncDispose]();
    await usual?.[Symbol.asyncDispose]();
  });

  describe('of 252 addresses', () => {
    const capacity = 252;
    let download: Running;
    let live = '';
    /** When the last of them was given out. */
    let usedAt = 0;
    let first: string[] = [];
    let second: string[] = [];
    let third: DnsAsker;
    const given = (answers: readonly string[]) => answers.filter((answer) => answer !== '!SERVFAIL');
    const warning = async (code: string) =>
      (await small.mirage.json<Snapshot>('status')).warnings.find((candidate) => candidate.code === code);

    test('one client gets half of it, another the rest; then nobody gets an address that is in use, and that is told', async () => {
      download = small.download('www.hidden.example', 16_000_000, 200_000);
      await eventually(async () => expect((await small.mirage.mappings())[0]?.liveFlows).toBe(1));
      live = (await small.mirage.mappings())[0]?.address ?? '';
      first = given((await small.asker.ask(namesOf('first', 200))).answers);
      // The download's is one of them.
      expect(first).toHaveLength(capacity / 2 - 1);
      expect(await warning('FAKE_IP_SHARE_SPENT')).toMatchObject({ severity: 'warning' });
      await small.world.client.sh('ip addr add 10.20.0.3/24 dev eth0; ip addr add 10.20.0.4/24 dev eth0');
      second = given((await small.askerFrom('10.20.0.3').ask(namesOf('second', 200))).answers);
      expect(second).toHaveLength(capacity / 2);
      expect(new Set([live, ...first, ...second]).size).toBe(capacity);
      third = small.askerFrom('10.20.0.4');
      expect(given((await third.ask(namesOf('third', 10))).answers)).toEqual([]);
      expect(await warning('FAKE_IP_EXHAUSTED')).toMatchObject({ severity: 'error' });
      expect((await small.mirage.json<Snapshot>('status')).fakeIp).toMatchObject({ used: capacity, capacity });
      expect(given((await small.asker.ask(namesOf('first', 200))).answers)).toEqual(first);
      usedAt = Date.now();
    });

    // The others run in between.
    describe('of 131,068 addresses, meanwhile', () => {
      const names = namesOf('n', 65_000);

      test('65,000 names have 65,000 addresses, and keep them', async () => {
        const { answers, p99 } = await usual.asker.ask(names);
        expect(new Set(answers).size).toBe(names.length);
        for (const answer of answers) if (!/^198\.1[89]\./.test(answer)) expect.fail(answer);
        const again = await usual.asker.ask(names);
        expect(again.answers).toEqual(answers);
        const { perSecond, lost, failed } = await usual.dnsperf(names, ['-n', '1']);
        console.log(JSON.stringify({ firstP99: p99, p99: again.p99, perSecond, lost }));
        expect({ lost, failed }).toEqual({ lost: 0, failed: 0 });
        expect((await usual.mirage.json<Snapshot>('status')).fakeIp.used).toBe(names.length);
      });

      test('flushed again and again: downloads go on, every question is answered, old addresses are understood', async () => {
        const old = await usual.addressOf('old.hidden.example');
        const downloads = [1, 2].map((i) => usual.download(`flow${i}.hidden.example`, 8_000_000, 2_000_000));
        // Another client, for the first has its share.
        const other = usual.askerFrom(addresses.client);
        await other.stream('s');
        await other.allow(2_000);
        const [retired, load] = await Promise.all([
          usual.mirage.flushFakeIp(20, 100),
          usual.dnsperf(namesOf('p', 5_000), ['-l', '3', '-Q', '1000', '-a', addresses.client]),
        ]);
        const { news, answered, lost } = await other.news();
        await other.endStream();
        console.log(JSON.stringify({ retired, answered, lost, load }));
        expect(retired).toBeGreaterThan(20);
        expect(load).toMatchObject({ lost: 0, failed: 0 });
        expect(lost).toBe(0);
        // Nobody was answered two addresses: one that is asked for again is the old one.
        expect(new Set(news.map(([name]) => name)).size).toBe(news.length);
        for (const [, address] of news) expect(address).toMatch(/^198\.1[89]\./);
        for (const running of downloads) expect(await finished(running)).toBe('200 8000000');
        expect(await usual.reachedBy(old)).toBe('old.hidden.example');
        expect((await usual.mirage.mappings()).find((row) => row.address === old)?.name).toBe('old.hidden.example');
      });

      test('another range: new names are from it, old addresses are understood, also after the helper has died', async () => {
        const old = await usual.addressOf('changed.hidden.example');
        await usual.mirage.enhanced(inRange('10.99.0.0/16'));
        expect(await usual.addressOf('new.hidden.example', '10.99.0.2')).toMatch(/^10\.99\./);
        const present = await usual.addressOf('changed.hidden.example', '10.99.0.2');
        expect(present).toMatch(/^10\.99\./);
        for (const address of [old, present]) expect(await usual.reachedBy(address)).toBe('changed.hidden.example');
        expect(await usual.pointer(old, '10.99.0.2')).toBe('changed.hidden.example');
        await usual.mirage.kill9();
        await usual.mirage.start();
        await eventually(async () => expect((await usual.mirage.json<Snapshot>('status')).tunnel.kind).toBe('running'));
        for (const address of [old, present]) expect(await usual.reachedBy(address)).toBe('changed.hidden.example');
        expect(await usual.addressOf('changed.hidden.example', '10.99.0.2')).toBe(present);
        await usual.mirage.enhanced(inRange('198.18.0.0/15'));
        expect(await usual.addressOf('changed.hidden.example')).toBe(old);
        expect(await usual.reachedBy(present)).toBe('changed.hidden.example');
      });
    });

    test('after a minute the longest unused are given to new names, which is told; never one with a connection', async () => {
      await sleep(Math.max(0, usedAt + shortestRest + 1_500 - Date.now()));
      const kept = namesOf('first', 100);
      await small.asker.ask(kept);
      const own = (await small.asker.ask(namesOf('late', 10))).answers;
      expect(own.filter((address) => !first.slice(100).includes(address))).toEqual([]);
      const others = (await third.ask(namesOf('third', 20))).answers;
      expect(others.filter((address) => ![...first.slice(100), ...second].includes(address))).toEqual([]);
      expect(new Set([...own, ...others]).size).toBe(30);
      expect((await small.asker.ask(kept)).answers).toEqual(first.slice(0, 100));
      expect(await warning('FAKE_IP_PRESSURE')).toMatchObject({ severity: 'warning' });
      expect((await small.mirage.mappings()).find((row) => row.address === live)?.name).toBe('www.hidden.example');
      expect(await finished(download)).toBe('200 16000000');
    });
  });
});

/** What curl says at its end. */
async function finished(running: Running): Promise<string> {
  return (await running.printed(/\d+ \d+\n/, 60_000))[0].trim();
}

/** A world of its own with a helper that is on. */
class Stage implements AsyncDisposable {
  readonly world: World;
  readonly mirage: Mirage;
  readonly asker: DnsAsker;

  private constructor(world: World, mirage: Mirage) {
    this.world = world;
    this.mirage = mirage;
    this.asker = new DnsAsker(world.client, { patience: 20_000 });
  }

  static async create(range: string): Promise<Stage> {
    const world = await World.create();
    await world.startWeb();
    await world.startDante(1080);
    const mirage = new Mirage(world.client);
    await mirage.start();
    await mirage.enhanced(inRange(range));
    return new Stage(world, mirage);
  }

  askerFrom(source: string): DnsAsker {
    return new DnsAsker(this.world.client, { patience: 20_000, source });
  }

  /** `rate`: bytes a second. */
  download(name: string, bytes: number, rate: number): Running {
    const output = '%{http_code} %{size_download}\\n';
    const args = ['-sS', '-o', '/dev/null', '-w', output, `http://${name}/bytes/${bytes}/${rate}`];
    return this.world.client.spawn('curl', args);
  }

  async addressOf(name: string, server = '198.18.0.2'): Promise<string> {
    return (await this.world.client.run('dig', ['+short', '+tries=1', `@${server}`, name])).stdout.trim();
  }

  async pointer(address: string, server: string): Promise<string> {
    const { stdout } = await this.world.client.run('dig', ['+short', '+tries=1', `@${server}`, '-x', address]);
    return stdout.trim().replace(/\.$/, '');
  }

  /** The name under which a connection to the address goes out. */
  async reachedBy(address: string): Promise<string | undefined> {
    const { stdout, stderr } = await this.world.client.run('curl', ['-sS', '-m', '8', `http://${address}/`]);
    expect(stdout, stderr).toContain('client=203.0.113.1');
    const rows = await this.mirage.connections();
    return rows.toSorted((a, b) => b.openedAt - a.openedAt).find((row) => row.fakeIp === address)?.destination.host;
  }

  async dnsperf(
    names: readonly string[],
    args: readonly string[],
  ): Promise<{ perSecond: number; lost: number; failed: number }> {
    const file = `${this.world.client.directory}/names`;
    await this.world.client.write(file, names.map((name) => `${name} A\n`).join(''));
    const { stdout, stderr } = await this.world.client.run('dnsperf', [
      '-s',
      '198.18.0.2',
      '-d',
      file,
      '-q',
      '64',
      ...args,
    ]);
    const number = (pattern: RegExp) => Number(pattern.exec(stdout)?.[1]);
    const perSecond = number(/Queries per second:\s+([\d.]+)/);
    if (!(perSecond > 0)) throw new Error(`dnsperf: ${stdout}${stderr}`);
    const completed = number(/Queries completed:\s+(\d+)/);
    return {
      perSecond,
      lost: number(/Queries lost:\s+(\d+)/),
      failed: completed - number(/NOERROR (\d+)/),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.world[Symbol.asyncDispose]();
  }
}
