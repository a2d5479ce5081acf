import { Socket } from 'node:net';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ConnectionGate } from '../../../core/net/connection-gate.ts';

const limits = { connections: 300, strangers: 200 };
const settled = () => new Promise((resolve) => setImmediate(resolve));

function gated() {
  const names = new Map<Socket, string>();
  const gate = new ConnectionGate(limits, (socket) => names.get(socket) ?? '?');
  const arrive = (client: string) => {
    const socket = new Socket();
    names.set(socket, client);
    return { socket, taken: gate.welcome(socket) };
  };
  return { gate, arrive };
}

test('the oldest stranger of the same client gives way, and nobody else’s', () => {
  const { gate, arrive } = gated();
  const early = Array.from({ length: 32 }, () => arrive('a'));
  const others = Array.from({ length: 5 }, () => arrive('b'));
  const crowd = Array.from({ length: 500 }, () => arrive('a'));
  expect(crowd.every(({ taken }) => taken)).toBe(true);
  expect(crowd.at(-1)?.socket.destroyed).toBe(false);
  expect([...early, ...others].every(({ socket }) => !socket.destroyed)).toBe(true);
  expect(gate.turnedAway).toBeGreaterThan(400);
  expect(arrive('c').taken).toBe(true);
});

test('what is admitted stays; a client whose place is taken up by it gets no more, others do', () => {
  const { gate, arrive } = gated();
  for (let i = 0; i < 32; i++) gate.admit(arrive('few').socket);
  const flows = Array.from({ length: 200 }, () => {
    const { socket, taken } = arrive('a');
    gate.admit(socket);
    return { socket, taken };
  });
  const kept = flows.filter(({ taken }) => taken);
  expect(kept.length).toBeLessThan(150);
  expect(kept.every(({ socket }) => !socket.destroyed)).toBe(true);
  expect(arrive('b').taken).toBe(true);
});

test('property: whoever comes and goes, there are never more than allowed, and all places are free in the end', async () => {
  const step = fc.tuple(
    fc.constantFrom('a', 'b', 'c'),
    fc.constantFrom('arrive', 'admit', 'leave', 'fail'),
    fc.nat(200),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 300, maxLength: 900 }), async (steps) => {
      const { gate, arrive } = gated();
      const sockets: Socket[] = [];
      for (const [client, what, which] of steps) {
        const socket = sockets[which % Math.max(1, sockets.length)];
        if (what === 'arrive' || socket === undefined) sockets.push(arrive(client).socket);
        else if (what === 'admit') gate.admit(socket);
        else if (what === 'leave') socket.destroy();
        else socket.destroy(new Error('reset'));
        expect(gate.size).toBeLessThanOrEqual(limits.connections);
      }
      for (const socket of sockets) socket.destroy();
      await settled();
      expect(gate.size).toBe(0);
    }),
    { numRuns: 30 },
  );
});
