/** A firewall of this machine that lets in only what belongs to a conversation: there from the beginning, later, and in between. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { describeInLab } from '../support/tier.ts';
import { direct, NativeWorld } from './support/native-world.ts';
import { ports } from './support/ports.ts';

const host = '10.99.0.1';

/** Forgets all of connection tracking (ctnetlink: IPCTNL_MSG_CT_DELETE), as `conntrack -F` does. */
const flush = `python3 -c "
import socket, struct
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
s.bind((0, 0))
s.send(struct.pack('=IHHII', 20, 0x0102, 5, 1, 0) + bytes([2, 0, 0, 0]))
assert struct.unpack_from('=i', s.recv(4096), 16)[0] == 0
"`;

describeInLab('TCP, behind a firewall', () => {
  let world: NativeWorld;
  const firewall = (refusal: string) =>
    world.client.sh(`nft -f - <<'END'
table inet others {
  chain input {
    type filter hook input priority 0; policy accept;
    iifname "lo" accept
    ct state established,related accept
    ${refusal}
  }
}
END`);
  /** So many connections, one after the other. How many SYNs were repeated on the way: each has cost a second (RFC 6298). */
  const repeatedFor = async (connections: number): Promise<number> => {
    const before = await world.repeatedSyns();
    for (let i = 0; i < connections; i++)
      await world.programs.call('roundTrip', { host, port: ports.echo, text: 'through' });
    return (await world.repeatedSyns()) - before;
  };
  // On a busy machine a SYN may be repeated for another reason: then in another world. A fault is there each time.
  const patient = { retry: 3 };

  beforeEach(async () => {
    world = await NativeWorld.create();
    // What a firewall says for our listeners is routed, unlike what these say: their sockets are bound to the device.
    await world.client.sh('ip route add 172.30.0.2 dev tun9');
    await world.rules({ verdict: direct });
  });

  afterEach(async () => {
    await world[Symbol.asyncDispose]();
  });

  test.each(['drop', 'reject', 'meta l4proto tcp reject with tcp reset', 'reject with icmpx admin-prohibited'])(
    '%s, from the beginning',
    patient,
    async (refusal) => {
      await firewall(refusal);
      expect(await repeatedFor(5)).toBe(0);
      expect(await world.reasons(5)).toEqual(Array.from({ length: 5 }, () => 'done'));
    },
  );

  test('one that comes later and refuses by RST costs nothing, one that goes neither', patient, async () => {
    expect(await repeatedFor(1)).toBe(0);
    await firewall('meta l4proto tcp reject with tcp reset');
    expect(await repeatedFor(3)).toBe(0);
    await world.client.sh('nft delete table inet others');
    expect(await repeatedFor(3)).toBe(0);
  });

  test.each([
    ['conntrack forgets', true],
    ['a firewall comes', false],
  ])('what is open goes on when %s', async (_what, isThere) => {
    if (isThere) await firewall('drop');
    await world.programs.call('open', { name: 'a', host, port: ports.echo });
    await world.programs.call('write', { name: 'a', text: 'one' });
    await expect.poll(() => world.programs.call('state', { name: 'a' })).toMatchObject({ received: 'one' });
    // From now on nobody but the program has anything to say.
    if (isThere) await world.client.sh(flush);
    else await firewall('drop');
    await world.programs.call('write', { name: 'a', text: 'two' });
    await expect
      .poll(() => world.programs.call('state', { name: 'a' }), { timeout: 30_000 })
      .toMatchObject({ received: 'onetwo' });
  });
});
