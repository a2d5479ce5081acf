/** Debian packages that tests, demo and benchmarks use: real clients and real peers. Each with a program that proves it is there. */
import fs from 'node:fs';
import path from 'node:path';
import { findProgram, isRoot, root, run, say, step, UserError } from './toolchain.mjs';

export const peerPackages = [
  ['iproute2', 'ip'],
  ['util-linux', 'unshare'],
  ['curl', 'curl'],
  ['dnsutils', 'dig'],
  ['dante-server', 'danted'],
  ['microsocks', 'microsocks'],
  ['tinyproxy-bin', 'tinyproxy'],
  ['squid', 'squid'],
  ['shadowsocks-libev', 'ss-server'],
  ['simple-obfs', 'obfs-server'],
  ['shadowsocks-v2ray-plugin', 'ss-v2ray-plugin'],
  ['trojan', 'trojan'],
  ['v2ray', 'v2ray'],
  ['netcat-openbsd', 'nc.openbsd'],
  ['iperf3', 'iperf3'],
  ['dnsmasq-base', 'dnsmasq'],
  ['unbound', 'unbound'],
  ['dnsperf', 'dnsperf'],
  ['nftables', 'nft'],
  ['tcpdump', 'tcpdump'],
  ['iputils-ping', 'ping'],
  ['iputils-tracepath', 'tracepath'],
  ['traceroute', 'traceroute'],
  ['mtr-tiny', 'mtr'],
  ['wireguard-go', 'wireguard-go'],
  ['wireguard-tools', 'wg'],
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
/**
 * Only unpacked, for use in namespaces: installed, systemd-resolved would take over this machine's /etc/resolv.conf. The library
 * is the one of the same version.
 */
export const unpackedPackages = ['systemd-resolved', 'libsystemd-shared'];
/** Where they are, as below `/`. */
const unpackedRoot = path.join(root, 'node_modules/.mirage-packages');

/** Downloads and unpacks them, once. Where that is impossible it is said, and fails in CI. */
export async function unpackSystemPackages(packages = unpackedPackages) {
  if (fs.existsSync(unpackedRoot)) return;
  const apt = findProgram('apt-get');
  const dpkg = findProgram('dpkg-deb');
  if (apt === undefined || dpkg === undefined || !isRoot()) {
    const message = `not unpacked: ${packages.join(' ')} (needs root and apt)`;
    if (process.env.CI === 'true') throw new UserError(message);
    say(message);
    return;
  }
  const work = `${unpackedRoot}.part`;
  await step(`unpacking ${packages.join(', ')}`, async () => {
    fs.rmSync(work, { recursive: true, force: true });
    fs.mkdirSync(`${work}/debs`, { recursive: true });
    await run(apt, ['update', '-qq'], { asUser: false, quiet: true });
    await run(apt, ['download', '-qq', ...packages], { asUser: false, quiet: true, cwd: `${work}/debs` });
    for (const file of fs.readdirSync(`${work}/debs`)) {
      await run(dpkg, ['-x', `${work}/debs/${file}`, work], { asUser: false, quiet: true });
    }
    fs.rmSync(`${work}/debs`, { recursive: true });
    // /lib is a link to /usr/lib nowadays, also where a package says otherwise.
    fs.cpSync(`${work}/lib`, `${work}/usr/lib`, { recursive: true, verbatimSymlinks: true });
    fs.renameSync(work, unpackedRoot);
  });
}

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
