/** Debian's Chromium, driven by playwright-core, inside a lab machine's namespaces. */
import fs from 'node:fs';
import path from 'node:path';
import { type Browser, chromium } from 'playwright-core';
import type { Machine } from './lab.ts';
import { root } from './source-graph.ts';

/** Where screenshots of a test run are kept. */
export const artifacts = path.join(root, 'test/.artifacts');

const flags = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-features=DnsOverHttps,OptimizationHints,MediaRouter',
  '--dns-over-https-mode=off',
];

/** Starts a browser on the machine, with a profile of its own; `language` as in `zh-CN`, `extra` flags win over the usual ones. */
export async function launchBrowser(
  machine: Machine,
  language = 'en-US',
  extra: readonly string[] = [],
): Promise<Browser> {
  const wrapper = `${machine.directory}/chromium-${language}`;
  const enter = `exec nsenter -t ${machine.holderPid} -n -m -u -- setpriv --pdeathsig KILL -- chromium "$@"`;
  fs.writeFileSync(wrapper, `#!/bin/sh\n${enter}\n`, { mode: 0o755 });
  fs.mkdirSync(artifacts, { recursive: true });
  return await chromium.launch({
    executablePath: wrapper,
    chromiumSandbox: false,
    args: [
      ...flags.filter((flag) => flag !== '--disable-quic' || !extra.includes('--enable-quic')),
      `--lang=${language}`,
      ...extra,
    ],
  });
}
