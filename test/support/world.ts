/**
 * The small internet most end-to-end tests live in:
 *
 *   client ---- 10.20.0.0/24 ---- router ---- 203.0.113.0/24 ---- web
 *   (Mirage)    .2           .1   (SOCKS5,    .1             .80  (HTTP, echo)
 *                                  resolvers)
 *
 * The client's resolver (10.20.0.1, its log counts what leaves the machine) knows `direct.example`, `nas` and `portal` of the
 * search list's `lan.example`, and nothing of
 * `hidden.example`; only the router's own resolver (127.0.0.1 there, and 203.0.113.1) knows that name. Names below
 * `zone.example` are known there while a name server of `startNameServer('203.0.113.1', 5353)` has them.
 */
import type { Machine, Running } from './lab.ts';
import { Lab } from './lab.ts';

export const addresses = {
  client: '10.20.0.2',
  router: '10.20.0.1',
  web: '203.0.113.80',
  refused: '203.0.113.80',
  unreachable: '198.51.100.9',
} as const;
export const socksUser = { username: 'mirage', password: 'reflection' } as const;

export interface NameServer {
  /** Adds to what it knows: lines `NAME ADDRESS [TTL]`; `-` for a name without an address. */
  publish(...lines: string[]): Promise<void>;
  /** Questions that it was asked so far, as `type name`. */
  questions(): string[];
}

export class World implements AsyncDisposable {
  readonly lab: Lab;
  readonly client: Machine;
  readonly router: Machine;
  readonly web: Machine;
  readonly #resolver: Running;
  readonly #inner: Running;

  private constructor(lab: Lab, client: Machine, router: Machine, web: Machine, resolver: Running, inner: Running) {
    this.lab = lab;
    this.client = client;
    this.router = router;
    this.web = web;
    this.#resolver = resolver;
    this.#inner = inner;
  }

  static async create(): Promise<World> {
    const lab = new Lab();
    try {
      const [client, router, web] = await Promise.all([
        lab.machine('client'),
        lab.machine('router'),
        lab.machine('web'),
      ]);
      await lab.link(client, '10.20.0.2/24', router, '10.20.0.1/24');
      await lab.link(router, '203.0.113.1/24', web, '203.0.113.80/24');
      await client.sh('ip route add default via 10.20.0.1');
      await web.sh('ip route add default via 203.0.113.1');
      await router.sh('echo 1 > /proc/sys/net/ipv4/ip_forward; ip route add unreachable 198.51.100.0/24');
      await client.write(
        '/etc/resolv.conf',
        '# written by the router\nnameserver 10.20.0.1\nsearch lan.example\noptions timeout:2\n',
      );
      await router.write('/etc/resolv.conf', 'nameserver 127.0.0.1\n');
      await web.write('/etc/resolv.conf', 'nameserver 127.0.0.1\n');
      const resolver = dnsmasq(router, [
        '--listen-address=10.20.0.1',
        '--bind-interfaces',
        '--log-queries',
        '--log-facility=-',
        '--address=/nas.lan.example/10.20.0.1',
        '--address=/portal.lan.example/203.0.113.80',
        '--address=/direct.example/203.0.113.80',
        '--address=/refused.example/203.0.113.80',
        '--address=/noroute.example/198.51.100.9',
        '--txt-record=direct.example,hello from the far side',
        `--txt-record=medium.example${strings('abcd')}`,
        `--txt-record=large.example${strings('abcdefgh')}`,
        '--local=/example/',
      ]);
      const inner = dnsmasq(router, [
        '--listen-address=127.0.0.1,203.0.113.1',
        '--bind-interfaces',
        '--address=/hidden.example/203.0.113.80',
        '--address=/direct.example/203.0.113.80',
        '--address=/victim.example/203.0.113.80',
        '--server=/zone.example/203.0.113.1#5353',
        '--local=/example/',
        '--log-queries',
        '--log-facility=-',
      ]);
      await Promise.all([resolver.printed(/started/), inner.printed(/started/)]);
      return new World(lab, client, router, web, resolver, inner);
    } catch (error) {
      await lab[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Questions that left the client for its resolver so far, as `type name`. */
  questionsSeen(): string[] {
    return questionsIn(this.#resolver);
  }

  /** Questions that the proxy's side was asked so far. */
  questionsBehindProxy(): string[] {
    return questionsIn(this.#inner);
  }

  /** HTTP, echo and sink server of test/support/web-server.ts on the web machine. */
  async startWeb(): Promise<Running> {
    const server = this.web.spawn(process.execPath, [
      new URL('web-server.ts', import.meta.url).pathname,
      '203.0.113.80',
    ]);
    await server.printed(/ready/);
    return server;
  }

  /** HTTPS on the web machine, port 443, with a certificate of its own for any name. */
  async startHttps(): Promise<Running> {
    await this.web.sh(
      `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=web.example -keyout ${this.web.directory}/key.pem -out ${this.web.directory}/cert.pem 2>/dev/null`,
    );
    const server = this.web.spawn(process.execPath, [
      '-e',
      `require('node:https').createServer({ key: require('node:fs').readFileSync('${this.web.directory}/key.pem'), cert: require('node:fs').readFileSync('${this.web.directory}/cert.pem') },
        (request, response) => response.end('host=' + request.headers.host + ' sni=' + request.socket.servername + '\\n')).listen(443, '203.0.113.80', () => console.log('ready'))`,
    ]);
    await server.printed(/ready/);
    return server;
  }

  /**
   * A resolver at 10.20.0.1 port 5300 that hands questions to the one at port 53 and keeps their answers back for so long.
   * Milliseconds.
   */
  async startSlowResolver(delay: number): Promise<Running> {
    const server = this.router.spawn(process.execPath, [
      '-e',
      `const dgram = require('node:dgram');
       const server = dgram.createSocket('udp4');
       server.on('message', (question, from) => {
         const asker = dgram.createSocket('udp4');
         asker.on('message', (answer) => { asker.close(); setTimeout(() => server.send(answer, from.port, from.address), ${delay}); });
         asker.send(question, 53, '10.20.0.1');
       });
       server.bind(5300, '10.20.0.1', () => console.log('ready'));`,
    ]);
    await server.printed(/ready/);
    return server;
  }

  /** A name server on the router whose names come and go (test/support/name-server.ts), with none at first. */
  async startNameServer(address: string, port: number, delay = 0, minimum = 2): Promise<NameServer> {
    const zone = `${this.router.directory}/zone-${address.replaceAll(/[^0-9a-z]/g, '-')}-${port}`;
    const known: string[] = [];
    await this.router.write(zone, '');
    const program = new URL('name-server.ts', import.meta.url).pathname;
    const args = [address, port, zone, delay, minimum].map(String);
    const server = this.router.spawn(process.execPath, [program, ...args]);
    await server.printed(/ready/);
    let written = Promise.resolve();
    return {
      // One after the other: of two that write at once the earlier might come last, without what the later adds.
      publish: (...lines) => {
        known.push(...lines);
        written = written.then(() => this.router.write(zone, `${known.join('\n')}\n`));
        return written;
      },
      questions: () => questionsIn(server),
    };
  }

  /** dante on the router, its log in the output (with `debug` 1: the requests as they came). With `auth`, user and password of `socksUser`. */
  async startDante(port = 1080, auth = false, debug = 0): Promise<Running> {
    const config = `${this.router.directory}/danted-${port}.conf`;
    if (auth)
      await this.router.sh(
        `id ${socksUser.username} >/dev/null 2>&1 || useradd -M -s /usr/sbin/nologin ${socksUser.username}; echo '${socksUser.username}:${socksUser.password}' | chpasswd`,
      );
    await this.router.write(
      config,
      `logoutput: stdout
debug: ${debug}
internal: 10.20.0.1 port = ${port}
external: 203.0.113.1
socksmethod: ${auth ? 'username' : 'none'}
clientmethod: none
user.privileged: root
user.unprivileged: nobody
client pass { from: 0.0.0.0/0 to: 0.0.0.0/0 log: error }
socks pass { from: 0.0.0.0/0 to: 0.0.0.0/0 log: connect disconnect error }
`,
    );
    const server = this.router.spawn('danted', ['-f', config]);
    await this.waitForListener(this.router, port);
    return server;
  }

  async startMicrosocks(machine: Machine, address: string, port: number, auth = false): Promise<Running> {
    const server = machine.spawn('microsocks', [
      '-i',
      address,
      '-p',
      String(port),
      ...(auth ? ['-u', socksUser.username, '-P', socksUser.password] : []),
    ]);
    await this.waitForListener(machine, port);
    return server;
  }

  async waitForListener(machine: Machine, port: number): Promise<void> {
    await machine.sh(
      `for i in $(seq 1200); do ss -ltnH "sport = :${port}" | grep -q . && exit 0; sleep 0.05; done; echo "nothing listens on ${port}" >&2; exit 1`,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.lab[Symbol.asyncDispose]();
  }
}

/** Strings of 200 of each letter, for records that are longer than a datagram may be. */
function strings(letters: string): string {
  return letters.replaceAll(/[a-z]/g, (letter) => `,${letter.repeat(200)}`);
}

/** Names in lower case: questions by UDP go out with their letters mixed. */
function questionsIn(resolver: Running): string[] {
  const asked = resolver.output.matchAll(/query\[(\w+)\] (\S+) from/g);
  return [...asked].map((match) => `${match[1]} ${match[2]?.toLowerCase()}`);
}

/** Not with `--no-daemon`: dnsmasq's debug mode answers nobody else while a TCP connection to it is open. */
function dnsmasq(machine: Machine, args: string[]): Running {
  return machine.spawn('dnsmasq', [
    '--keep-in-foreground',
    '--conf-file=/dev/null',
    '--no-resolv',
    '--no-hosts',
    '--user=root',
    '--pid-file=',
    ...args,
  ]);
}
