import { expect, test } from 'vitest';
import { ClientShares } from '../../../../core/dns/fake-ip/client-shares.ts';

test('half of the range is one share, and it is free again as what it holds goes', () => {
  const shares = new ClientShares(7);
  for (let i = 0; i < 3; i++) {
    expect(shares.isFull('a')).toBe(false);
    shares.add('a');
  }
  expect([shares.isFull('a'), shares.isFull('b')]).toEqual([true, false]);
  shares.remove('a');
  expect(shares.isFull('a')).toBe(false);
});

test('made-up clients do not get a share each: what comes late shares one', () => {
  const shares = new ClientShares(1_000);
  for (let i = 0; i < 256; i++) shares.add(shares.keyOf(`client${i}`));
  const late = shares.keyOf('late');
  expect(late).toBe(shares.keyOf('later'));
  expect(shares.keyOf('client7')).toBe('client7');
  for (let i = 0; i < 500; i++) shares.add(late);
  expect(shares.isFull(shares.keyOf('another'))).toBe(true);
  shares.remove('client7');
  shares.add(shares.keyOf('another'));
  expect(shares.isFull(shares.keyOf('client8'))).toBe(false);
});
