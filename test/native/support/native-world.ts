/**
 * Two machines: `client` with the engine and ordinary programs, `server` with servers at every address of 10.99.0.0/24.
 * 10.98.0.0/24 is unreachable and 10.97.0.0/24 swallows everything. By IPv6 fd99::/64 and fd98::/64 are the same. Programs reach
 * all of it only through the TUN.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Verdict } from '../../../native/index.d.ts';
import { Lab, type Machine, type Running } from '../../support/lab.ts';
import { AgentProcess } from './agent-process.ts';
import type { RecordedEvent, Rule } from './engine-agent.ts';

export type DialVerdict = Extract<Verdict, { kind: 'dial' }>;

export const device = 'eth0';
export const proxy = '10.77.0.2';
export const direct = { kind: 'direct', device } as const;
export const user = { username: 'someone', password: 'let me in' };

export class NativeWorld implements AsyncDisposable {
  readonly lab: Lab;
  readonly client: Machine;
  readonly server: Machine;
  readonly engine: AgentProcess;
  readonly programs: AgentProcess;
  readonly servers: AgentProcess;

  private constructor(lab: Lab, machines: [Machine, Machine], agents: [AgentProcess, AgentProcess, AgentProcess]) {
    this.lab = lab;
    [this.client, this.server] = machines;
    [this.engine, this.programs, this.servers] = agents;
  }

  static async create(options: object = {}): Promise<NativeWorld> {
    const lab = new Lab();
    const client = await lab.machine('client');
    const server = await lab.machine('server');
    await lab.link(client, '10.77.0.1/24', server, '10.77.0.2/24');
    await server.sh(`
      ip route add local 10.99.0.0/24 dev lo
      ip route add unreachable 10.98.0.0/24
      ip route add blackhole 10.97.0.0/24
      ip -6 address add fd77::2/64 dev eth0 nodad
      ip -6 address add fd99::1/64 dev lo
      ip -6 route add unreachable fd98::/64
      echo 1 > /proc/sys/net/ipv4/ip_forward
      echo 1 > /proc/sys/net/ipv6/conf/all/forwarding
    `);
    const engine = await AgentProcess.start(client, 'engine-agent');
    await engine.call('create', options);
    await client.sh(`
      for prefix in 10.99.0.0/24 10.98.0.0/24 10.97.0.0/24; do
        ip route add $prefix dev tun9
        ip route add $prefix via 10.77.0.2 dev eth0 metric 100
      done
      ip -6 address add fd77::1/64 dev eth0 nodad
      for prefix in fd99::/64 fd98::/64; do
        ip -6 route add $prefix dev tun9 metric 10
        ip -6 route add $prefix via fd77::2 dev eth0 metric 100
      done
      ip -6 route add 2001:db8::/32 dev tun9
    `);
    const programs = await AgentProcess.start(client, 'client-agent');
    const servers = await AgentProcess.start(server, 'server-agent');
    return new NativeWorld(lab, [client, server], [engine, programs, servers]);
  }

  /** Sets the rules and forgets earlier events. */
  async rules(...rules: Rule[]): Promise<void> {
    await this.engine.call('rules', rules);
    // What an earlier test's flows still tell comes within 10 ms (outbox.rs), on a busy machine a little later.
    for (let quiet = 0; quiet < 2; ) {
      await sleep(25);
      const late = await this.engine.call<RecordedEvent[]>('events');
      quiet = late.length === 0 ? quiet + 1 : 0;
    }
  }

  /**
   * Tries until no SYN was repeated meanwhile, which TCP does after a second without an answer (RFC 6298); five times at most. A busy
   * machine is late now and then, an answer that TCP does not take is missing every time.
   */
  async withoutRepeatedSyn<T>(attempt: () => Promise<T>): Promise<T> {
    for (let tries = 1; ; tries++) {
      const before = await this.repeatedSyns();
      const result = await attempt();
      if ((await this.repeatedSyns()) === before) return result;
      if (tries === 5) throw new Error('a SYN had to be repeated each time');
    }
  }

  /** How many SYNs the client has had to repeat, its programs and the engine. */
  async repeatedSyns(): Promise<number> {
    return Number(await this.client.sh("nstat -saz TcpExtTCPSynRetrans | awk 'END { print $2 }'"));
  }

  /** Waits for so many events of a kind and takes all. */
  async events(kind: RecordedEvent['kind'], count = 1, timeoutMs = 60_000): Promise<RecordedEvent[]> {
    return await this.engine.call('wait', { kind, count, timeoutMs });
  }

  /** Waits for so many closed flows; their reasons in order. */
  async reasons(count = 1, timeoutMs = 60_000): Promise<string[]> {
    const events = await this.events('close', count, timeoutMs);
    return events.flatMap((event) => (event.kind === 'close' ? [event.reason] : []));
  }

  async startMicrosocks(port: number, auth = false): Promise<void> {
    const login = auth ? ['-u', user.username, '-P', user.password] : [];
    this.server.spawn('microsocks', ['-i', proxy, '-p', String(port), ...login]);
    await this.#listening(port);
  }

  async startDante(port: number, auth = false): Promise<void> {
    if (auth) {
      await this.server.sh(
        `useradd -M -s /usr/sbin/nologin ${user.username}; echo '${user.username}:${user.password}' | chpasswd`,
      );
    }
    const config = `${this.server.directory}/danted-${port}.conf`;
    await this.server.write(
      config,
      `logoutput: stdout
internal: ${proxy} port = ${port}
external: ${proxy}
socksmethod: ${auth ? 'username' : 'none'}
clientmethod: none
user.privileged: root
user.unprivileged: nobody
client pass { from: 0.0.0.0/0 to: 0.0.0.0/0 }
socks block { from: 0.0.0.0/0 to: 10.99.0.66/32 }
socks pass { from: 0.0.0.0/0 to: 0.0.0.0/0 }
`,
    );
    this.server.spawn('danted', ['-f', config]);
    await this.#listening(port);
  }

  async startTinyproxy(port: number): Promise<void> {
    const file = `${this.server.directory}/tinyproxy-${port}.conf`;
    await this.server.write(file, `Port ${port}\nListen ${proxy}\nTimeout 600\nMaxClients 50\n`);
    this.server.spawn('tinyproxy', ['-d', '-c', file]);
    await this.#listening(port);
  }

  /** Nobody gets to 10.99.0.66 by it. */
  /** `listens`: how, if not by plain HTTP. */
  async startSquid(port: number, auth = false, listens = `http_port ${proxy}:${port}`): Promise<void> {
    const directory = `${this.server.directory}/squid-${port}`;
    const password = `/etc/squid-users-${port}`;
    const login = auth
      ? `auth_param basic program /usr/lib/squid/basic_ncsa_auth ${password}
auth_param basic children 1
acl known proxy_auth REQUIRED
http_access deny !known
`
      : '';
    await this.server.sh(
      `mkdir -p ${directory}; chmod 777 ${directory}; echo '${user.username}:'$(openssl passwd -apr1 '${user.password}') > ${password}`,
    );
    await this.server.write(
      `${directory}/squid.conf`,
      `${listens}
pid_filename none
access_log none
cache_log ${directory}/log
cache deny all
coredump_dir ${directory}
shutdown_lifetime 0 seconds
visible_hostname squid.example
acl refused dst 10.99.0.66
http_access deny refused
${login}http_access allow all
`,
    );
    this.server.spawn('squid', ['-N', '-f', `${directory}/squid.conf`]);
    await this.#listening(port);
  }

  /** Starts another server; resolves when it listens. */
  async serve(
    port: number,
    program: string,
    args: readonly string[],
    env: Record<string, string> = {},
  ): Promise<Running> {
    const running = this.server.spawn(program, args, { env });
    await this.#listening(port);
    return running;
  }

  async #listening(port: number): Promise<void> {
    await this.server.sh(
      `for i in $(seq 1200); do ss -ltnH "sport = :${port}" | grep -q . && exit 0; sleep 0.05; done; exit 1`,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.engine.stop();
    await this.lab[Symbol.asyncDispose]();
  }
}
