import { expect, test } from 'vitest';
import { deferred } from '../../../core/base/deferred.ts';
import { UserTurns } from '../../../core/helper/user-turns.ts';

test('one at a time: users in turn, a user in order; a failure is that of its caller', async () => {
  const turns = new UserTurns();
  const done: string[] = [];
  let under = 0;
  const task = (name: string) => async () => {
    expect(++under).toBe(1);
    await Promise.resolve();
    under -= 1;
    done.push(name);
    if (name === 'a2') throw new Error('no');
    return name;
  };
  const all = ['a1', 'a2', 'a3', 'a4', 'b1', 'c1', 'b2'].map((name) =>
    turns.run(name.startsWith('a') ? 1 : name.startsWith('b') ? 2 : 3, task(name)),
  );
  const outcomes = await Promise.allSettled(all);
  expect(outcomes.map(({ status }) => status === 'fulfilled')).toEqual([true, false, true, true, true, true, true]);
  expect(done).toEqual(['a1', 'a2', 'b1', 'c1', 'a3', 'b2', 'a4']);
});

test('one user can have so many wait, whoever else comes does not feel it', async () => {
  const turns = new UserTurns();
  const gate = deferred<undefined>();
  const all = [turns.run(1, () => gate.promise)];
  for (let i = 0; i < 16; i++) all.push(turns.run(1, async () => undefined));
  await expect(turns.run(1, async () => undefined)).rejects.toMatchObject({ code: 'RPC_BUSY' });
  all.push(turns.run(2, async () => undefined));
  gate.resolve(undefined);
  await Promise.all(all);
  await turns.run(1, async () => undefined);
});
