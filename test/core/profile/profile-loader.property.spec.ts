/** Whatever the text: nothing is thrown, problems have their places, and what is accepted is what the helper accepts. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { stringify } from 'yaml';
import { configSchema } from '../../../core/contract/config.ts';
import { loadProfile } from '../../../core/profile/profile-loader.ts';
import { renderReport } from '../../../core/profile/report.ts';
import { runs } from '../../support/runs.ts';

function check(text: string): void {
  const { config, failure, problems } = loadProfile(text);
  const forbids = problems.some(
    ({ severity, leftOut, code }) => severity === 'error' && leftOut !== true && code !== 'MORE_UNLISTED',
  );
  if (forbids) expect(config).toBeUndefined();
  if (config === undefined) expect(problems.some(({ severity }) => severity === 'error')).toBe(true);
  expect(config === undefined).toBe(failure !== undefined);
  if (config !== undefined) expect(configSchema.parse(config)).toEqual(config);
  const lines = text.replace(/^\ufeff/, '').split(/\r\n|[\n\r\u0085]/);
  for (const { line = 0, column = 0, message } of problems) {
    expect(message).not.toBe('');
    expect(line).toBeGreaterThanOrEqual(1);
    expect(line).toBeLessThanOrEqual(lines.length);
    expect(column).toBeGreaterThanOrEqual(1);
    expect(column).toBeLessThanOrEqual((lines[line - 1] ?? '').length + 1);
  }
  expect(renderReport(problems, { file: 'f', text })).not.toMatch(/[\p{Cc}--\n]/v);
}

const keys = `mixed-port allow-lan bind-address authentication log-level mode dns hosts tun proxies proxy-groups rules enable
  enhanced-mode fake-ip-range fake-ip-filter fake-ip-ttl nameserver device mtu gso route-exclude-address name type server port
  username password udp tls << __proto__ constructor a.example`;
const key = fc.constantFrom(...keys.split(/\s+/));
const scalar = fc.oneof(
  fc.constantFrom(
    'socks5',
    'direct',
    'vmess',
    'DIRECT',
    'MATCH,DIRECT',
    'DOMAIN,a.example,DIRECT',
    '198.18.0.0/15',
    '::1',
    'system',
    'a:b',
    '*.lan',
  ),
  fc.integer({ min: -1, max: 70_000 }),
  fc.boolean(),
  fc.constant(null),
  fc.string({ maxLength: 12 }),
  fc.double(),
);

test('arbitrary text', () => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' })), check), {
    numRuns: 1000,
  });
});

test('text made of what YAML is made of', () => {
  const piece = fc.oneof(
    fc.constantFrom(
      '\n',
      '\n  ',
      '\n    - ',
      ': ',
      '- ',
      '{',
      '}',
      '[',
      ']',
      ',',
      '"',
      "'",
      '#',
      '&a ',
      '*a',
      '!t ',
      '|\n',
      '>\n',
      '---\n',
      '\t',
      '? ',
      '%',
    ),
    key,
    scalar.map(String),
  );
  const text = fc.array(piece, { maxLength: 40 }).map((pieces) => pieces.join(''));
  fc.assert(fc.property(text, check), runs(600));
});

test('well-formed YAML of the right keys in the wrong places', () => {
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof({ depthSize: 'small', withCrossShrink: true }, scalar, tie('list'), tie('map')),
    list: fc.array(tie('value'), { maxLength: 4 }),
    map: fc.dictionary(key, tie('value'), { maxKeys: 6 }),
  }));
  fc.assert(
    fc.property(value, (tree) => check(stringify(tree))),
    runs(300),
  );
});

test('nearly right profiles', () => {
  const profile = fc.record(
    {
      'mixed-port': fc.oneof(fc.nat(65_535), scalar),
      dns: fc.record(
        {
          'fake-ip-range': fc.constantFrom('198.18.0.0/15', '10.0.0.0/8', '1/2'),
          'fake-ip-filter': fc.array(fc.oneof(fc.domain(), scalar), { maxLength: 3 }),
          nameserver: fc.array(fc.oneof(fc.ipV4(), fc.ipV6(), scalar), { maxLength: 3 }),
        },
        { requiredKeys: [] },
      ),
      hosts: fc.dictionary(
        fc.oneof(fc.domain(), key),
        fc.oneof(fc.ipV4(), fc.domain(), fc.array(fc.ipV6(), { maxLength: 2 })),
        { maxKeys: 3 },
      ),
      tun: fc.record(
        {
          device: fc.oneof(fc.constant('tun0'), scalar),
          mtu: fc.nat(70_000),
          'route-exclude-address': fc.array(
            fc.tuple(fc.oneof(fc.ipV4(), fc.ipV6()), fc.nat(140)).map(([ip, bits]) => `${ip}/${bits}`),
            { maxLength: 3 },
          ),
        },
        { requiredKeys: [] },
      ),
      proxies: fc.array(
        fc.record({
          name: fc.oneof(fc.constant('x'), scalar),
          type: fc.constant('socks5'),
          server: fc.oneof(fc.domain(), fc.ipV4()),
          port: fc.nat(70_000),
          udp: fc.boolean(),
        }),
        { maxLength: 3 },
      ),
      rules: fc.array(
        fc.oneof(
          fc.domain().map((name) => `DOMAIN,${name},DIRECT`),
          scalar,
        ),
        { maxLength: 4 },
      ),
    },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(profile, (tree) => check(stringify(tree))),
    runs(300),
  );
});
