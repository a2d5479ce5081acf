/** Rules about programs, with real ones of several names. */
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Connection, compare, differenceOf } from './compare.ts';
import { Mihomo } from './mihomo.ts';

const directory = mkdtempSync(join(tmpdir(), 'mirage-programs-'));
const curl = ['/usr/bin/curl', '/bin/curl'].find((path) => existsSync(path));
const programs = [
  'plain/curl',
  'plain/Telegram',
  'plain/telegram-desktop',
  'deep/er/wget',
  'deep/er/a.b',
  'plain/other',
];

beforeAll(() => {
  for (const program of programs) {
    mkdirSync(dirname(join(directory, program)), { recursive: true });
    if (curl !== undefined) copyFileSync(curl, join(directory, program));
  }
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

test.skipIf(Mihomo.program === undefined || curl === undefined)('every program takes the same rule', async () => {
  const rules = [
    'AND,((PROCESS-NAME,CURL),(DST-PORT,81)),p0',
    'NOT,((PROCESS-PATH-WILDCARD,/*)),p1',
    `PROCESS-PATH,${join(directory, 'deep/er/wget')},p2`,
    'AND,((PROCESS-NAME-REGEX,^tele),(NOT,((PROCESS-NAME,telegram)))),p3',
    'PROCESS-NAME-WILDCARD,tele*,p4',
    'OR,((PROCESS-NAME-WILDCARD,?.b),(DST-PORT,82)),p5',
    'SUB-RULE,(PROCESS-NAME,other),list',
    'PROCESS-PATH-REGEX,plain/CURL$,p6',
    'MATCH,last',
  ];
  const written = {
    rules,
    subRules: { list: ['DST-PORT,83,p7', 'PROCESS-NAME,OTHER,p8'] },
    proxies: [...Array.from({ length: 9 }, (_, i) => `p${i}`), 'last'],
  };
  const connections = programs.flatMap((program) =>
    [80, 81, 82, 83].map(
      (port): Connection => ({
        network: 'tcp',
        type: 'SOCKS5',
        host: `p${port}.example`,
        port,
        program: join(directory, program),
      }),
    ),
  );
  const compared = await compare(written, connections, () => ['10.0.0.1']);
  const differences = compared.filter(({ ours, theirs }) => ours !== theirs);
  expect(differences.map((one) => differenceOf(one, written))).toEqual([]);
});
