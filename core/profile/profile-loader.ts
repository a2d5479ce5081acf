/**
 * A profile in Clash's YAML spelling, as text, to the effective configuration and everything that is wrong with it: each
 * problem with path, line and column. Nothing is thrown for bad input; nothing but the text is looked at.
 */
import { type Config, configSchema } from '../contract/config.ts';
import type { ConfigProblem } from '../contract/error.ts';
import { fakeRangesOf, readDns } from './dns-section.ts';
import { effectiveConfig, type ProfileParts } from './effective-config.ts';
import { readHosts } from './hosts-section.ts';
import { ignoredInboundKeys, readInbound } from './inbound-section.ts';
import { PolicyNames } from './policy-names.ts';
import { ProblemList } from './problem-list.ts';
import { readGroups, readProxies } from './proxy-section.ts';
import { readRules } from './rule-section.ts';
import { readSniffer } from './sniffer-section.ts';
import { readTun } from './tun-section.ts';
import { YamlMap } from './yaml-map.ts';
import { YamlSource } from './yaml-source.ts';
import { YamlValue } from './yaml-value.ts';

/** Bytes (UTF-8) that a profile may have. */
export const maxProfileBytes = 8 * 1024 * 1024;

export type ProfileFailure = 'CONFIG_SYNTAX' | 'CONFIG_INVALID' | 'CONFIG_TOO_LARGE';

export interface ParsedProfile {
  /** Absent when an error among `problems` forbids its use. */
  readonly config?: Config;
  /** The code to report the failure with; present when `config` is absent. */
  readonly failure?: ProfileFailure;
  /** In the order of the text. */
  readonly problems: ConfigProblem[];
}

const controller = 'not supported yet: no controller listens';
const geodata = 'not supported yet: no geodata is loaded';

/** Keys that Clash's users know: what becomes of them here. */
const ignored: Readonly<Record<string, string>> = {
  ...ignoredInboundKeys,
  'external-controller': controller,
  'external-controller-tls': controller,
  'external-controller-unix': controller,
  'external-controller-pipe': controller,
  'external-controller-cors': controller,
  'external-doh-server': controller,
  'external-ui': controller,
  'external-ui-name': controller,
  'external-ui-url': controller,
  secret: controller,
  tls: controller,
  'interface-name': 'ignored: the outward interface is found by the routes',
  'routing-mark': 'ignored: our sockets have their own mark',
  'unified-delay': 'ignored: delays are not measured yet',
  'tcp-concurrent': 'ignored: addresses are tried one after the other',
  'find-process-mode': 'ignored: programs are always looked up',
  'keep-alive-interval': 'ignored: the system decides it',
  'keep-alive-idle': 'ignored: the system decides it',
  'disable-keep-alive': 'ignored: the system decides it',
  'global-client-fingerprint': 'ignored: nothing here speaks TLS yet',
  'global-ua': 'ignored: nothing is downloaded yet',
  'etag-support': 'ignored: nothing is downloaded yet',
  'geodata-mode': geodata,
  'geodata-loader': geodata,
  'geosite-matcher': geodata,
  'geo-auto-update': geodata,
  'geo-update-interval': geodata,
  'geox-url': geodata,
  profile: 'ignored: what it asks to store is always stored',
  'rule-providers': 'not supported yet: rules cannot name them',
  'proxy-providers': 'not supported yet: their proxies are missing',
  'sub-rules': 'not supported yet: rules cannot name them',
  'clash-for-android': 'ignored: it is for another client',
  experimental: 'ignored: nothing of it exists here',
  ntp: "ignored: the time is the system's",
};

/** Reads a profile. Every problem of a text that is YAML is found at once; broken YAML yields its syntax errors only. */
export function loadProfile(text: string): ParsedProfile {
  if (Buffer.byteLength(text) > maxProfileBytes) {
    const message = `the profile is larger than ${maxProfileBytes / 1024 / 1024} MiB`;
    return { failure: 'CONFIG_TOO_LARGE', problems: [{ severity: 'error', path: '', message }] };
  }
  const problems = new ProblemList();
  const source = new YamlSource(text.startsWith('\ufeff') ? text.slice(1) : text, problems);
  if (!source.complete) return { failure: 'CONFIG_SYNTAX', problems: problems.sorted() };
  const root = new YamlValue(source, source.root, null, '', 0);
  const config = readProfile(root);
  if (!problems.hasErrors && config !== undefined) checkContract(config, root);
  if (problems.hasErrors || config === undefined) return { failure: 'CONFIG_INVALID', problems: problems.sorted() };
  return { config, problems: problems.sorted() };
}

function readProfile(root: YamlValue): Config | undefined {
  if (root.isNothing) {
    root.error('the profile is empty', 'keys such as mixed-port, dns, proxies and rules');
    return undefined;
  }
  const map = YamlMap.of(root);
  return map === undefined ? undefined : effectiveConfig(readParts(map));
}

/** The sections let nothing through that the helper would refuse; should one of them err, it is told here and not by it. */
function checkContract(config: Config, root: YamlValue): void {
  for (const issue of configSchema.safeParse(config).error?.issues ?? []) {
    root.error(`${issue.path.join('.')}: ${issue.message}`);
  }
}

function readParts(map: YamlMap): ProfileParts {
  const logLevel = map.take('log-level')?.choice(['debug', 'info', 'warning', 'error', 'silent']);
  readMode(map);
  const ipv6 = map.take('ipv6')?.boolean();
  const mixed = readInbound(map);
  const dnsMap = mapAt(map, 'dns');
  const useHosts = dnsMap?.take('use-hosts')?.boolean() !== false;
  const snifferMap = mapAt(map, 'sniffer');
  const written = map.take('hosts');
  const hosts = written === undefined ? {} : readHosts(written);
  const tunMap = mapAt(map, 'tun');
  const names = new PolicyNames();
  const proxyList = map.take('proxies');
  const proxies = proxyList === undefined ? [] : readProxies(proxyList, names);
  const groups = map.take('proxy-groups');
  if (groups !== undefined) readGroups(groups, names);
  // As in Clash: without IPv6 its addresses are of no use, unless the section says otherwise.
  const dns = { ...(ipv6 === false ? { ipv6 } : {}), ...(dnsMap === undefined ? {} : readDns(dnsMap, names)) };
  const ruleList = map.take('rules');
  if (ruleList === undefined)
    map.warning('no rules: everything goes DIRECT', 'rules, with MATCH,policy as the last one');
  const rules = ruleList === undefined ? [] : readRules(ruleList, names);
  map.warnOfRest(ignored);
  return {
    ...(logLevel === undefined ? {} : { logLevel }),
    ...(ipv6 === undefined ? {} : { ipv6: ipv6 ? 'always' : 'never' }),
    mixed,
    dns,
    ...(snifferMap === undefined ? {} : { sniffer: readSniffer(snifferMap) }),
    hosts: useHosts ? hosts : {},
    tun: tunMap === undefined ? {} : readTun(tunMap, fakeRangesOf(dns)),
    proxies,
    rules,
  };
}

function mapAt(map: YamlMap, key: string): YamlMap | undefined {
  const value = map.take(key);
  return value === undefined ? undefined : YamlMap.of(value);
}

function readMode(map: YamlMap): void {
  const mode = map.take('mode');
  const word = mode?.choice(['rule', 'global', 'direct']);
  if (word !== undefined && word !== 'rule')
    mode?.warning(`the mode ${word} is not supported yet: the rules decide`, 'rule');
}
