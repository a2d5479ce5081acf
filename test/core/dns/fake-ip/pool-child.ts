/**
 * The pool on its real store in a process that is to be killed: `pool-child.ts DATABASE NAMES`. It asks for any of `n0.example`,
 * `n1.example`, ..., so many, without end. Prints `?NAME` when it asks and `=NAME ADDRESS` when the answer could leave. With no
 * names it ends at once.
 */
import fs from 'node:fs';
import { systemClock } from '../../../../core/base/clock.ts';
import { AllocationQueue } from '../../../../core/dns/fake-ip/allocation-queue.ts';
import { SqliteStateStore } from '../../../../core/state/sqlite-state-store.ts';
import { makePool } from './pool-fixture.ts';

const [database = '', count = ''] = process.argv.slice(2);
const store = new SqliteStateStore(database, { now: Date.now, onSetAside: () => process.exit(3) });
const pool = makePool(store, { clock: systemClock });
pool.start();
const queue = new AllocationQueue(pool);
const say = (lines: readonly string[]): void => void fs.writeSync(1, lines.map((line) => `${line}\n`).join(''));

while (Number(count) > 0) {
  const turn = Array.from({ length: 1 + Math.floor(Math.random() * 16) }, () =>
    Math.floor(Math.random() * Number(count)),
  );
  const names = turn.map((name) => `n${name}.example`);
  say(names.map((name) => `?${name}`));
  const answers = await Promise.all(names.map(async (name) => `=${name} ${await queue.allocate(name, '198.18.0.1')}`));
  say(answers);
  // Timers of the pool have their turn.
  await new Promise((resolve) => setImmediate(resolve));
}
pool.stop();
store.close();
