import { beforeEach, expect, test } from 'vitest';
import { AppError } from '../../../../core/base/app-error.ts';
import { createLogger } from '../../../../core/base/logger.ts';
import { MissingNames } from '../../../../core/dns/names/missing-names.ts';
import { type InquiryOutbound, NameInquiry } from '../../../../core/dns/names/name-inquiry.ts';
import { ManualClock } from '../../../support/manual-clock.ts';
import { ScriptedResolver } from '../resolver/scripted-resolver.ts';

let clock: ManualClock;
let missing: MissingNames;
let resolver: ScriptedResolver;
let worked: Set<string>;
let told: string[];
let inquiry: NameInquiry;

const outbound = (tag: string, resolvesAt: InquiryOutbound['resolvesAt'] = 'there'): InquiryOutbound => ({
  tag,
  resolvesAt,
  dialStream: async () => await Promise.reject(new AppError('DIAL_REFUSED', 'not here')),
});
const failed = (code: AppError['code']): AppError => new AppError(code, 'the dial failed');
const settled = async (): Promise<void> => await clock.advance(0);

beforeEach(() => {
  clock = new ManualClock();
  missing = new MissingNames(clock);
  resolver = new ScriptedResolver();
  worked = new Set();
  told = [];
  inquiry = new NameInquiry({
    remote: ({ tag }) => (tag === 'far' ? resolver : undefined),
    missing,
    workedRecently: (name) => worked.has(name),
    onMissing: (name, upstream) => told.push(`${name} ${upstream}`),
    clock,
    logger: createLogger(() => undefined, { component: 'test', enabled: () => true, now: () => clock.now() }),
  });
});

test('a proxy that could not resolve it: one question, and only NXDOMAIN is remembered', async () => {
  for (const [name, rcode] of [
    ['gone.example', 'NXDOMAIN'],
    ['there.example', 'NOERROR'],
    ['ill.example', 'SERVFAIL'],
  ] as const) {
    inquiry.dialFailed(name, outbound('far'), failed('DIAL_HOST_UNREACHABLE'));
    inquiry.dialFailed(name, outbound('far'), failed('DIAL_PROXY_FAILED'));
    resolver.answer({ rcode });
    await settled();
  }
  expect(resolver.asked.map(({ question }) => question)).toEqual(
    ['gone.example', 'there.example', 'ill.example'].map((name) => ({ name, type: 'A' })),
  );
  expect(told).toEqual(['gone.example udp://192.0.2.53:53']);
  expect(missing.suspected('gone.example')).toBe('far');
  expect(missing.suspected('there.example')).toBeUndefined();
});

test('what says nothing about the name, or comes from a direct dial, or from where nobody can be asked, asks nobody', () => {
  for (const code of ['DIAL_REFUSED', 'DIAL_TIMEOUT', 'DIAL_PROXY_REFUSED', 'DIAL_PROXY_AUTH'] as const) {
    inquiry.dialFailed('victim.example', outbound('far'), failed(code));
  }
  inquiry.dialFailed('victim.example', outbound('DIRECT', 'here'), failed('DIAL_NAME_NOT_FOUND'));
  inquiry.dialFailed('victim.example', outbound('elsewhere'), failed('DIAL_HOST_UNREACHABLE'));
  worked.add('lately.example');
  inquiry.dialFailed('lately.example', outbound('far'), failed('DIAL_HOST_UNREACHABLE'));
  expect(resolver.asked).toEqual([]);
});

test('a name that worked meanwhile exists, whatever is answered', async () => {
  inquiry.dialFailed('late.example', outbound('far'), failed('DIAL_HOST_UNREACHABLE'));
  worked.add('late.example');
  resolver.answer({ rcode: 'NXDOMAIN' });
  await settled();
  expect(missing.suspected('late.example')).toBeUndefined();
});

test('silence ends after ten seconds, and then it may be asked for again', async () => {
  inquiry.dialFailed('quiet.example', outbound('far'), failed('DIAL_HOST_UNREACHABLE'));
  await clock.advance(9_999);
  inquiry.dialFailed('quiet.example', outbound('far'), failed('DIAL_HOST_UNREACHABLE'));
  expect(resolver.asked).toHaveLength(1);
  expect(resolver.asked[0]?.signal.aborted).toBe(false);
  await clock.advance(1);
  expect(resolver.asked[0]?.signal.aborted).toBe(true);
  inquiry.dialFailed('quiet.example', outbound('far'), failed('DIAL_HOST_UNREACHABLE'));
  expect(resolver.asked).toHaveLength(2);
  expect(told).toEqual([]);
});

test('at most 64 questions are under way', () => {
  for (let i = 0; i < 100; i++) inquiry.dialFailed(`n${i}.example`, outbound('far'), failed('DIAL_PROXY_FAILED'));
  expect(resolver.asked).toHaveLength(64);
});
