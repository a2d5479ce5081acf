/** Bad configuration is reported completely, with places; nothing changes on the system. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Mirage } from '../../support/mirage.ts';
import { describeInLab } from '../../support/tier.ts';
import { World } from '../../support/world.ts';

const bad = `mixed-port: 99999
log-level: loud
dns:
  enhanced-mode: fake-ip
  fake-ip-range: 198.18.0.0/31
  nameserver: [not an address]
  fake-ip-filter: ['..broken']
proxies:
  - { name: one, type: socks5, server: 10.0.0.1 }
  - { name: two, type: socks5, server: 10.0.0.1, port: 0 }
  - { name: two, type: socks5, server: 10.0.0.1, port: 1080 }
rules:
  - DOMAIN,a.example,nowhere
  - DOMAINS,b.example,DIRECT
  - IP-CIDR,10.0.0.0/33,DIRECT
  - DST-PORT,80000,DIRECT
  - MATCH,DIRECT
`;

describeInLab('bad configuration', () => {
  let world: World;
  let mirage: Mirage;

  beforeAll(async () => {
    world = await World.create();
    mirage = new Mirage(world.client);
    await mirage.start();
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  test('every mistake with line and column; exit code 4; the system as before', async () => {
    const before = await world.client.networkState();
    const file = `${world.client.directory}/bad.yaml`;
    await world.client.write(file, bad);
    for (const command of [
      ['check', file],
      ['enhanced', 'on', '--config', file],
    ]) {
      const result = await mirage.cli(...command);
      expect(result.code, command.join(' ')).toBe(4);
      const said = result.stdout + result.stderr;
      for (const line of [6, 11, 13, 14, 15])
        expect(said, `line ${line}`).toMatch(new RegExp(`bad\\.yaml:${line}:\\d+: error\\[`));
      for (const line of [1, 2, 5, 7, 9, 10, 16])
        expect(said, `line ${line}`).toMatch(new RegExp(`bad\\.yaml:${line}:\\d+: warning\\[`));
    }
    expect(await world.client.networkState()).toBe(before);
  });

  test('--json has the same problems as data', async () => {
    const file = `${world.client.directory}/bad.yaml`;
    const result = await mirage.cli('check', file, '--json');
    expect(result.code).toBe(4);
    const { problems } = JSON.parse(result.stdout) as {
      problems: { line: number; column: number; severity: string }[];
    };
    expect(problems.filter((problem) => problem.severity === 'error')).toHaveLength(5);
    expect(problems.length).toBeGreaterThanOrEqual(12);
    expect(problems.every((problem) => problem.line > 0 && problem.column > 0)).toBe(true);
  });
});
