import { expect, test } from 'vitest';
import { LastingDns } from '../../../core/dns/lasting-dns.ts';
import { queryFor, responseTo } from '../../../core/net/dns-message.ts';
import { record } from './upstream/fake-upstream.ts';

function remembered(name: string, owner = name) {
  const message = {
    ...responseTo(queryFor(0, name, 'A', undefined), 'NOERROR'),
    answers: [record(owner, 'A', '192.0.2.1')],
  };
  return { outcome: { answer: { message, upstream: 'udp://192.0.2.53:53' } }, name, since: 0, until: 1 };
}

test('a mode that was chosen is over that of every configuration, and each choice is another revision', () => {
  const lasting = new LastingDns();
  const [one, other] = [lasting.modeOver('fake-ip'), lasting.modeOver('redir-host')];
  const seen = () => [one.current, other.current, one.revision];
  expect(seen()).toEqual(['fake-ip', 'redir-host', 0]);
  lasting.chooseMode('redir-host');
  expect(seen()).toEqual(['redir-host', 'redir-host', 1]);
  lasting.chooseMode('redir-host');
  expect(one.revision).toBe(1);
  lasting.chooseMode(null);
  expect(seen()).toEqual(['fake-ip', 'redir-host', 2]);
});

test('a graph keeps what it remembers too, but for names in which its rules have a say', () => {
  const lasting = new LastingDns();
  const memory = lasting.memory('usual', 10);
  for (const [name, owner] of [['web.example'], ['nas.lan'], ['alias.example', 'nas.lan']] as const)
    memory.set(name, remembered(name, owner));
  lasting.memory('former', 10).set('web.example', remembered('web.example'));
  lasting.use({ remembersAs: (key) => key === 'usual', isRuled: (name) => name.endsWith('.lan'), isFake: () => false });
  expect(['web.example', 'nas.lan', 'alias.example'].filter((name) => memory.get(name) !== undefined)).toEqual([
    'web.example',
  ]);
  expect(lasting.memory('usual', 10)).toBe(memory);
  expect(lasting.memory('former', 10).get('web.example')).toBeUndefined();
});

test('what is under way when another graph takes over may be about a name of its rules, and is not remembered', () => {
  const lasting = new LastingDns();
  const { epoch } = lasting.memory('usual', 10);
  lasting.use({ remembersAs: () => true, isRuled: () => false, isFake: () => false });
  expect(lasting.memory('usual', 10).epoch).toBeGreaterThan(epoch);
});

test('what was asked before a change of the network is not remembered by whoever asked', () => {
  const lasting = new LastingDns();
  const memory = lasting.memory('usual', 10);
  memory.set('a', remembered('a'));
  const { epoch } = memory;
  lasting.reset();
  expect([memory.get('a'), memory.epoch > epoch]).toEqual([undefined, true]);
});
