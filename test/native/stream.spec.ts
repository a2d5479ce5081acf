/** Verdict `stream`: the connection is handed to JavaScript as a descriptor, and its end is seen by its packets. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeInLab } from '../support/tier.ts';
import { NativeWorld } from './support/native-world.ts';

const host = '10.99.0.1';

describeInLab('TCP, stream', () => {
  let world: NativeWorld;

  beforeAll(async () => {
    world = await NativeWorld.create();
    await world.rules({ verdict: { kind: 'stream' } });
  });

  afterAll(async () => {
    await world[Symbol.asyncDispose]();
  });

  test('bytes and half-closes go through the descriptor; the close event counts them', async () => {
    expect(await world.programs.call('exchange', { host, port: 80, text: 'to JavaScript' })).toBe('to JavaScript');
    const events = await world.events('close');
    expect(events.map((event) => event.kind)).toEqual(['open', 'accepted', 'close']);
    expect(events[2]).toMatchObject({ up: 13, down: 13, reason: 'done' });
  });

  test('resets are carried both ways', async () => {
    await world.programs.call('open', { name: 'a', host, port: 80 });
    await world.events('accepted');
    await world.programs.call('reset', { name: 'a' });
    expect(await world.reasons()).toEqual(['reset-by-client']);

    await world.programs.call('open', { name: 'b', host, port: 80 });
    await world.events('accepted');
    await world.engine.call('resetStreams');
    expect(await world.reasons()).toEqual(['reset-by-remote']);
    expect(await world.programs.call('state', { name: 'b' })).toMatchObject({ ended: 'ECONNRESET' });
  });

  test('close with reset breaks a taken stream at both ends', async () => {
    await world.programs.call('open', { name: 'c', host, port: 80 });
    await world.programs.call('write', { name: 'c', text: 'some bytes' });
    await expect.poll(() => world.programs.call('state', { name: 'c' })).toMatchObject({ received: 'some bytes' });
    const [open] = await world.events('accepted');
    if (open?.kind !== 'open') throw new Error('no open');
    expect(await world.engine.call('counters', { slot: open.slot })).toEqual([10, 10]);
    await world.engine.call('close', { id: open.id, how: 'reset' });
    expect(await world.reasons()).toEqual(['closed']);
    await expect.poll(() => world.programs.call('state', { name: 'c' })).toMatchObject({ ended: 'ECONNRESET' });
    const left = await world.client.sh('ss -tnH state established src 172.30.0.1 sport != :22');
    expect(left).toBe('');
  });
});
