import { describe, expect, test } from 'vitest';
import { AppError } from '../../../core/base/app-error.ts';
import { silentLogger } from '../../../core/base/logger.ts';
import type { RuleConfig } from '../../../core/contract/config.ts';
import { RuleMemory } from '../../../core/helper/rule-memory.ts';
import { KnownRules } from '../../../core/rule/known-rules.ts';
import { code, helperGround, named } from '../../support/helper-ground.ts';
import { anna, bert } from '../../support/memory-tunnel.ts';

const ground = helperGround();
const { boot, call } = ground;

describe('what is known of rules', () => {
  const reject = named('REJECT');
  const [rule = { type: 'MATCH' as const, payload: '', policy: '', noResolve: false }] = reject.rules;
  const known = () => ground.tunnel.known.of(rule, 0);
  const apply = (uid: number, profile?: string, config = reject) =>
    call(uid, 'applyConfig', profile === undefined ? { config } : { config, profile });
  const count = (hits: number) => ground.tunnel.known.note(rule, { hits, misses: 1, off: known().off }, 0);

  test('is there again after a death of the helper when it was switched, and of its counters after an end', async () => {
    await call(anna, 'setEnhanced', { on: true, mode: 'persistent' });
    await apply(anna, 'p');
    count(5);
    let looks = 0;
    const look = ground.tunnel.knownRules.bind(ground.tunnel);
    ground.tunnel.knownRules = () => {
      looks += 1;
      return look();
    };
    const before = looks;
    for (let i = 0; i < 100; i++)
      expect(await call(anna, 'switchRule', { index: 0, rule, on: i % 2 === 1 })).toEqual({ changed: true });
    await call(anna, 'switchRule', { index: 0, rule, on: false });
    expect(looks).toBe(before);
    await ground.clock.advance(2_000);
    expect(looks).toBe(before + 1);
    boot();
    await ground.service.resume();
    expect(known()).toEqual({ hits: 5, misses: 1, off: true });
    count(9);
    await ground.service.stop();
    boot();
    await ground.service.resume();
    expect(known()).toMatchObject({ hits: 9, off: true });
    await call(anna, 'switchRule', { index: 0, rule, on: true });
    await ground.clock.advance(2_000);
    boot();
    await ground.service.resume();
    expect(known()).toMatchObject({ hits: 9, off: false });
  });

  test("is known by profile and by user: nobody's switch is another's", async () => {
    await apply(anna, 'p');
    await call(anna, 'switchRule', { index: 0, rule, on: false });
    count(3);
    await apply(anna, 'q');
    expect(known()).toEqual({ hits: 0, misses: 0, off: false });
    await apply(anna, 'p', { ...reject, logLevel: 'debug' });
    expect(known()).toMatchObject({ hits: 3, off: true });
    await apply(bert, 'p');
    expect(known()).toEqual({ hits: 0, misses: 0, off: false });
    await apply(anna);
    expect(known().off).toBe(false);
    await apply(anna, 'p');
    expect(known()).toMatchObject({ hits: 3, off: true });
  });

  test('a configuration that is refused changes nothing of it', async () => {
    await apply(anna, 'p');
    await call(anna, 'switchRule', { index: 0, rule, on: false });
    await expect(apply(anna, 'q', named('NOWHERE'))).rejects.toThrow(code('CONFIG_INVALID'));
    expect(known().off).toBe(true);
    count(7);
    ground.service.saveRules();
    expect(ground.ruleNotes.rules(anna, 'p')).toMatchObject([{ hits: 7, off: true }]);
    expect(ground.ruleNotes.rules(anna, 'q')).toEqual([]);
  });

  test('a disk that cannot be written is told, and the switch counts', async () => {
    await apply(anna, 'p');
    ground.ruleNotes.noteRules = () => {
      throw new AppError('FAKE_IP_STORE', 'full');
    };
    expect(await call(anna, 'switchRule', { index: 0, rule, on: false })).toEqual({ changed: true });
    await ground.clock.advance(2_000);
    expect((await call(anna, 'getSnapshot', {})).warnings.map(({ code: each }) => each)).toEqual(['STATE_NOT_SAVED']);
    ground.ruleNotes.rules = () => {
      throw new AppError('FAKE_IP_STORE', 'damaged');
    };
    await apply(anna, 'q');
    expect(known().off).toBe(false);
  });

  test('of very many rules so many are written at a time: those switched off first', () => {
    const rules = Array.from(
      { length: 5_000 },
      (_, i): RuleConfig => ({ ...rule, type: 'DOMAIN', payload: `n${i}.example` }),
    );
    const many = new KnownRules();
    for (const [i, each] of rules.entries()) many.note(each, { hits: i, misses: 0, off: i === 1 }, 0);
    const memory = new RuleMemory(ground.ruleNotes, { write: (_, write) => (write(), true) }, silentLogger);
    memory.recall(anna, 'p');
    memory.save(anna, 'p', many);
    const written = ground.ruleNotes.rules(anna, 'p');
    expect(written).toHaveLength(2_000);
    expect(written[0]).toMatchObject({ off: true, hits: 1 });
    memory.save(anna, 'p', many);
    memory.save(anna, 'p', many);
    expect(ground.ruleNotes.rules(anna, 'p')).toHaveLength(4_999);
  });
});
