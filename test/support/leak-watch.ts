/** Captures what leaves a machine by its outer links, and says which packets should not have: with their bytes. */
import type { Machine, Running } from './lab.ts';

export interface Packet {
  /** Unix time in milliseconds. */
  readonly time: number;
  readonly link: string;
  /** As tcpdump puts it. */
  readonly text: string;
  readonly hex: string;
}

export class LeakWatch {
  readonly #captures: readonly { link: string; running: Running }[];

  private constructor(captures: readonly { link: string; running: Running }[]) {
    this.#captures = captures;
  }

  /**
   * `rightful`: a pcap-filter(7) of the packets that may leave, besides ARP, ICMPv6 and the kernel's multicast listener reports
   * (RFC 3810), whose ICMPv6 stands behind a hop-by-hop header, where `icmp6` does not see it.
   */
  static async start(machine: Machine, links: readonly string[], rightful: string): Promise<LeakWatch> {
    const options = '-Q out -nn -tt -x -l --immediate-mode -s 128 -B 8192'.split(' ');
    const listenerReports = 'ip6 and dst net ff02::/16 and ip6[6] = 0';
    const filter = `not arp and not icmp6 and not (${listenerReports}) and not (${rightful})`;
    const captures = links.map((link) => ({
      link,
      running: machine.spawn('tcpdump', ['-i', link, ...options, filter]),
    }));
    for (const { running } of captures) await running.printed(/listening on/);
    return new LeakWatch(captures);
  }

  /** How much each capture has printed; for `packets`. */
  position(): number[] {
    return this.#captures.map(({ running }) => running.output.length);
  }

  /** Everything captured so far, or since a position. */
  packets(since?: readonly number[]): Packet[] {
    return this.#captures.flatMap(({ link, running }, i) => parse(link, running.output.slice(since?.[i] ?? 0)));
  }

  async stop(): Promise<Packet[]> {
    for (const { running } of this.#captures) await running.stop('SIGINT');
    return this.packets();
  }
}

function parse(link: string, output: string): Packet[] {
  const found = output.matchAll(/^(\d+\.\d+) (.*)\n((?:\t0x.*\n)*)/gm);
  return [...found].map(([, time, text = '', dump = '']) => ({
    time: Number(time) * 1_000,
    link,
    text,
    hex: dump
      .replaceAll(/^\t0x\w+: +/gm, '')
      .replaceAll('\n', ' ')
      .trim(),
  }));
}
