/** Debian packages that tests, demo and benchmarks use: real clients and real peers. Each with a program that proves it is there. */
import fs from 'node:fs';
import { findProgram, isRoot, run, say, step, UserError } from './toolchain.mjs';

export const peerPackages = [
  ['iproute2', 'ip'],
  ['util-linux', 'unshare'],
  ['curl', 'curl'],
  ['dnsutils', 'dig'],
  ['dante-server', 'danted'],
  ['microsocks', 'microsocks'],
  ['netcat-openbsd', 'nc.openbsd'],
  ['iperf3', 'iperf3'],
  ['dnsmasq-base', 'dnsmasq'],
  ['dnsperf', 'dnsperf'],
  ['nftables', 'nft'],
  ['tcpdump', 'tcpdump'],
  ['sudo', 'sudo'],
];
export const browserPackages = [
  ['chromium', 'chromium'],
  ['fonts-dejavu-core', undefined],
  ['fonts-noto-cjk', undefined],
];
export const electronPackages = [
  ['libgtk-3-0', undefined],
  ['libnss3', undefined],
  ['libasound2', undefined],
  ['libgbm1', undefined],
  ['fonts-dejavu-core', undefined],
  ['xvfb', 'Xvfb'],
  ['xauth', 'xauth'],
  ['dbus', 'dbus-run-session'],
  ['python3-dbus', undefined],
  ['python3-gi', undefined],
];

/** Installs what is missing when root; else says it, and fails in CI. Services that packages would start are kept from starting. */
export async function installSystemPackages(packages) {
  const missing = [...new Set(packages.filter(([name, program]) => !isInstalled(name, program)).map(([name]) => name))];
  if (missing.length === 0) return;
  const apt = findProgram('apt-get');
  if (apt === undefined || !isRoot()) {
    const message = `these packages are missing: ${missing.join(' ')}\n(as root: apt-get install --no-install-recommends ${missing.join(' ')})`;
    if (process.env.CI === 'true') throw new UserError(message);
    say(message);
    return;
  }
  const env = { DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1', SYSTEMD_OFFLINE: '1' };
  await step(`installing ${missing.length} system packages`, async () => {
    await run(apt, ['update', '-qq'], { asUser: false, quiet: true, env });
    await run(apt, ['install', '-y', '-qq', '--no-install-recommends', ...missing], {
      asUser: false,
      quiet: true,
      env,
    });
  });
}

function isInstalled(name, program) {
  if (program !== undefined) return findProgram(program, `${process.env.PATH}:/usr/sbin:/sbin`) !== undefined;
  const info = '/var/lib/dpkg/info';
  return fs.existsSync(`${info}/${name}.list`) || fs.existsSync(`${info}/${name}:amd64.list`);
}
