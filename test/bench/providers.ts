/**
 * What providers and groups cost: a rule set of 100,000 names from each format, in the user's process; the same set in the helper, in
 * the steps between which it answers DNS; a profile of 1,000 nodes; and the choice of groups over them. No namespace, no network.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../core/base/clock.ts';
import { ConfiguredPolicies } from '../../core/outbound/configured-policies.ts';
import { LastingPolicies } from '../../core/outbound/lasting-policies.ts';
import { loadProfile } from '../../core/profile/profile-loader.ts';
import { readSet } from '../../core/provider/formats/read-set.ts';
import { readCanonicalSet } from '../../core/rule/sets/set-reader.ts';
import { peerFile } from '../support/peers.ts';
import { dialNothing } from './no-network.ts';

const names = 100_000;
const nodes = 1_000;
/** Each is done so often, and the median is told. */
const rounds = 7;

/** Milliseconds by what they are of. */
export function measureProviders(): Record<string, number> {
  const list = Array.from({ length: names }, (_, i) => `+.n${i}.${(i * 7919) % 1000}.example`);
  const yaml = Buffer.from(`payload:\n${list.map((name) => `  - '${name}'\n`).join('')}`);
  const mrs = asMrs(yaml);
  const set = readSet(yaml, 'yaml', 'domain');
  const profile = profileOf(nodes);
  const { config } = loadProfile(profile);
  if (config === undefined) throw new Error('the profile is not read');
  return {
    'a set of 100,000 names from yaml, ms': median(() => void readSet(yaml, 'yaml', 'domain')),
    'from text, ms': median(() => void readSet(Buffer.from(list.join('\n')), 'text', 'domain')),
    ...(mrs === undefined ? {} : { 'from mrs, ms': median(() => void readSet(mrs, 'mrs', 'domain')) }),
    'the same in the helper, all steps, ms': median(() => void longestStep(set.bytes)),
    'its longest step, ms': Math.min(...Array.from({ length: rounds }, () => longestStep(set.bytes))),
    'a profile of 1,000 nodes and 20 groups, read, ms': median(() => void loadProfile(profile)),
    'its policies, made and chosen, ms': median(() => {
      const policies = new ConfiguredPolicies(config, dialNothing, new LastingPolicies(systemClock));
      policies.route('g19');
    }),
  };
}

function longestStep(bytes: Buffer): number {
  const steps = readCanonicalSet(bytes, 'domain');
  let longest = 0;
  for (;;) {
    const begun = performance.now();
    const { done } = steps.next();
    longest = Math.max(longest, performance.now() - begun);
    if (done === true) return longest;
  }
}

function median(work: () => void): number {
  const taken = Array.from({ length: rounds }, () => {
    const begun = performance.now();
    work();
    return performance.now() - begun;
  });
  return taken.toSorted((a, b) => a - b)[Math.floor(rounds / 2)] ?? 0;
}

/** By mihomo, where it is found. */
function asMrs(yaml: Buffer): Buffer | undefined {
  const program = peerFile('bin/mihomo');
  if (program === undefined) return undefined;
  const directory = mkdtempSync(join(tmpdir(), 'mirage-bench-'));
  try {
    writeFileSync(join(directory, 'set.yaml'), yaml);
    execFileSync(program, ['convert-ruleset', 'domain', 'yaml', 'set.yaml', 'set.mrs'], { cwd: directory });
    return readFileSync(join(directory, 'set.mrs'));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function profileOf(count: number): string {
  const list = Array.from(
    { length: count },
    (_, i) => `  - {name: '🇭🇰 香港 ${i}', type: socks5, server: n${i}.example, port: 1080, udp: true}\n`,
  );
  const groups = Array.from(
    { length: 20 },
    (_, i) => `  - {name: g${i}, type: url-test, include-all: true, filter: '(?i)港.*${i % 10}$|hk', interval: 300}\n`,
  );
  return `proxies:\n${list.join('')}proxy-groups:\n${groups.join('')}rules: ['MATCH,g19']\n`;
}
