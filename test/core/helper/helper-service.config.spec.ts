import { createHash } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { deferred } from '../../../core/base/deferred.ts';
import { type Config, defaultConfig } from '../../../core/contract/config.ts';
import { code, helperGround, named } from '../../support/helper-ground.ts';
import { anna, bert } from '../../support/memory-tunnel.ts';

const ground = helperGround();
const { boot, call } = ground;

describe('configuration', () => {
  test('comes into force, is kept for its user, and opens the mixed port', async () => {
    expect(ground.tunnel.mixed).toBeNull();
    const { hash } = await call(anna, 'applyConfig', { config: named('REJECT') });
    const snapshot = await call(anna, 'getSnapshot', {});
    expect(snapshot).toMatchObject({
      config: { hash, proxies: 0, rules: 1, strictRoute: false },
      mixed: { address: '127.0.0.1', port: 7890 },
    });
    expect(JSON.parse(readFileSync(join(ground.directory, `config-${anna}.json`), 'utf8'))).toEqual(named('REJECT'));
  });

  test('a refused one changes nothing', async () => {
    await call(anna, 'applyConfig', { config: named('REJECT') });
    await expect(call(anna, 'applyConfig', { config: named('NOWHERE') })).rejects.toThrow(code('CONFIG_INVALID'));
    expect(ground.tunnel.config).toEqual(named('REJECT'));
    boot();
    await call(anna, 'setEnhanced', { on: true });
    expect(ground.tunnel.config).toEqual(named('REJECT'));
  });

  test('the same one again builds nothing anew', async () => {
    await call(anna, 'applyConfig', { config: named('REJECT') });
    await call(anna, 'applyConfig', { config: named('REJECT') });
    expect(ground.tunnel.reloads).toBe(1);
  });

  test('what another user hands over is looked at beside it: nobody waits for that', async () => {
    await call(anna, 'setEnhanced', { on: true });
    const gate = deferred<undefined>();
    const load = ground.sets.load.bind(ground.sets);
    let looks = 0;
    ground.sets.load = async (uid, some) => {
      if (uid === bert) {
        expect(++looks).toBe(1);
        await gate.promise;
        looks -= 1;
      }
      return await load(uid, some);
    };
    const theirs = [named('REJECT'), named('DIRECT')].map((config) => call(bert, 'applyConfig', { config }));
    await call(anna, 'applyConfig', { config: named('REJECT') });
    await call(anna, 'setSwitches', { mode: 'direct' });
    gate.resolve(undefined);
    await Promise.all(theirs);
    expect(await call(anna, 'getSnapshot', {})).toMatchObject({ mode: { mode: 'direct' } });
  });

  test('one that becomes theirs while it is looked at comes into force in its turn', async () => {
    await call(anna, 'setEnhanced', { on: true });
    const first = call(bert, 'applyConfig', { config: named('DIRECT') });
    const second = call(bert, 'applyConfig', { config: named('REJECT') });
    await Promise.all([first, call(anna, 'setEnhanced', { on: false })]);
    await second;
    await call(bert, 'setEnhanced', { on: true });
    expect((await call(bert, 'listRules', {})).map(({ policy }) => policy)).toContain('REJECT');
  });

  describe('with sets', () => {
    const bytes = Buffer.from('+example.com\n');
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const config: Config = {
      ...defaultConfig,
      sets: [
        { name: 'rule-set:ads', behavior: 'domain', blob: sha256 },
        { name: 'geosite:!ads', behavior: 'domain', blob: sha256, inverted: true },
        { name: 'rule-set:gone', behavior: 'ipcidr', blob: null, missing: 'NOT_FETCHED' },
      ],
    };
    const send = (uid: number, data = bytes) =>
      call(uid, 'putBlob', { sha256, size: bytes.length, offset: 0, data: data.toString('base64') });

    test('says which blobs it lacks and changes nothing; then loads them', async () => {
      expect(await call(anna, 'applyConfig', { config })).toEqual({ hash: '', lacks: [sha256] });
      expect(ground.tunnel.config).toEqual(defaultConfig);
      expect(await send(anna)).toEqual({ done: true });
      expect(await call(anna, 'applyConfig', { config })).toEqual({ hash: expect.stringMatching(/^\w+$/) });
      const ads = ground.tunnel.sets.get('rule-set:ads');
      expect(ads?.behavior === 'domain' && ads.names.has('www.example.com')).toBe(true);
      expect([ads?.inverted, ground.tunnel.sets.get('geosite:!ads')?.inverted]).toEqual([false, true]);
      expect([ground.tunnel.sets.get('rule-set:gone'), ground.tunnel.sets.trouble('rule-set:gone')]).toEqual([
        undefined,
        'NOT_FETCHED',
      ]);
      const told = async () =>
        (await call(anna, 'getSnapshot', {})).warnings.map(({ code: each, values }) => [each, values]);
      expect(await told()).toEqual([['SETS_MISSING', { count: '1', names: 'gone' }]]);
      await call(anna, 'applyConfig', { config: defaultConfig });
      expect(await told()).toEqual([]);
    });

    test("are each user's own: nobody learns what another one has", async () => {
      await send(anna);
      expect(await call(bert, 'applyConfig', { config })).toMatchObject({ lacks: [sha256] });
    });

    test('are there again after a restart, and those that nobody names any more are not', async () => {
      await send(anna);
      await call(anna, 'applyConfig', { config });
      boot();
      await call(anna, 'setEnhanced', { on: true });
      expect(ground.tunnel.sets.get('rule-set:ads')?.size).toBe(1);
      await call(anna, 'applyConfig', { config: defaultConfig });
      expect(await call(anna, 'applyConfig', { config })).toMatchObject({ lacks: [sha256] });
    });

    test('one that was damaged on the disk matches nothing, and is asked for again', async () => {
      await send(anna);
      await call(anna, 'applyConfig', { config });
      writeFileSync(join(ground.directory, 'blobs', String(anna), sha256), '+example.org\n');
      boot();
      await call(anna, 'setEnhanced', { on: true });
      expect([ground.tunnel.sets.get('rule-set:ads'), ground.tunnel.sets.trouble('rule-set:ads')]).toEqual([
        undefined,
        'NOT_READABLE',
      ]);
      expect(await call(anna, 'applyConfig', { config })).toMatchObject({ lacks: [sha256] });
      await send(anna);
      await call(anna, 'applyConfig', { config });
      expect(ground.tunnel.sets.get('rule-set:ads')?.size).toBe(1);
    });

    test('bytes with another sha256, and malformed ones, change nothing', async () => {
      await expect(send(anna, Buffer.from('+example.net\n'))).rejects.toThrow(code('RPC_BAD_PARAMS'));
      const wrong = Buffer.from('what is this\n');
      const name = createHash('sha256').update(wrong).digest('hex');
      await call(anna, 'putBlob', { sha256: name, size: wrong.length, offset: 0, data: wrong.toString('base64') });
      const sets = [{ name: 'rule-set:x', behavior: 'domain' as const, blob: name }];
      await expect(call(anna, 'applyConfig', { config: { ...config, sets } })).rejects.toThrow(code('CONFIG_INVALID'));
      expect(ground.tunnel.config).toEqual(defaultConfig);
    });
  });

  test("another user who turns it on gets their own, or the default, never the former user's", async () => {
    await call(anna, 'applyConfig', { config: named('REJECT') });
    await call(bert, 'setEnhanced', { on: true });
    expect(ground.tunnel.config).toEqual(defaultConfig);
  });

  test('a full or read-only disk is told, and takes nothing away', async () => {
    rmSync(ground.directory, { recursive: true });
    await call(anna, 'applyConfig', { config: named('REJECT') });
    const snapshot = await call(anna, 'setEnhanced', { on: true });
    expect(snapshot).toMatchObject({
      tunnel: { kind: 'running' },
      warnings: [{ code: 'CONFIG_NOT_SAVED' }, { code: 'STATE_NOT_SAVED', severity: 'warning' }],
    });
    ground.makeDirectory();
  });

  test('secrets are in no snapshot', async () => {
    const proxy = {
      type: 'socks5' as const,
      name: 'p',
      server: '192.0.2.1',
      port: 1080,
      username: 'annas-name',
      password: 'annas-secret',
      udp: true,
    };
    const mixed = { address: '127.0.0.1', port: 7890, users: [{ username: 'mixed-name', password: 'mixed-secret' }] };
    await call(anna, 'applyConfig', { config: { ...defaultConfig, proxies: [proxy], mixed } });
    expect(JSON.stringify(await call(anna, 'getSnapshot', {}))).not.toMatch(/annas|mixed-/);
  });
});

describe('modes and choices', () => {
  test("a mode is its user's, and there again after a death", async () => {
    await call(anna, 'setSwitches', { mode: 'global' });
    expect((await call(anna, 'getSnapshot', {})).mode).toEqual({ mode: 'global', chosen: true });
    boot();
    await ground.service.resume();
    await call(anna, 'applyConfig', { config: defaultConfig });
    expect((await call(anna, 'getSnapshot', {})).mode).toEqual({ mode: 'global', chosen: true });
    await call(anna, 'setSwitches', { mode: null });
    expect((await call(anna, 'getSnapshot', {})).mode).toEqual({ mode: 'rule', chosen: false });
  });

  test('a configuration that is refused leaves the choices and the mode of the one in force', async () => {
    await call(anna, 'applyConfig', { config: defaultConfig });
    await call(anna, 'selectProxy', { group: 'g', member: 'a' });
    boot();
    await call(anna, 'applyConfig', { config: { ...defaultConfig, logLevel: 'debug' } });
    await call(anna, 'setSwitches', { mode: 'global' });
    await expect(call(bert, 'applyConfig', { config: named('NOWHERE') })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
    expect([...ground.tunnel.choices]).toEqual([['g', 'a']]);
    expect(ground.tunnel.chosenMode).toBe('global');
  });

  test('a choice in a group is on disk at once, and in force with the configuration of its user', async () => {
    await call(anna, 'applyConfig', { config: defaultConfig });
    expect(await call(anna, 'selectProxy', { group: 'g', member: 'a' })).toEqual({ now: 'a' });
    expect([...ground.choices.choices(anna)]).toEqual([['g', 'a']]);
    await expect(call(anna, 'selectProxy', { group: 'gone', member: 'a' })).rejects.toMatchObject({
      code: 'POLICY_UNKNOWN',
    });
    await expect(call(bert, 'selectProxy', { group: 'g', member: 'b' })).rejects.toMatchObject({
      code: 'HELPER_IN_USE',
    });
    boot();
    await call(bert, 'applyConfig', { config: defaultConfig });
    expect([...ground.tunnel.choices]).toEqual([]);
    await call(anna, 'applyConfig', { config: { ...defaultConfig, logLevel: 'debug' } });
    expect([...ground.tunnel.choices]).toEqual([['g', 'a']]);
    await call(anna, 'selectProxy', { group: 'g', member: null });
    expect([...ground.choices.choices(anna)]).toEqual([]);
  });
});
