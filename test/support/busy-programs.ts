/**
 * What the programs of a busy machine do all the time, as one process: ask names of the configured server and of others, by UDP
 * and TCP, connect by name and by address, talk UDP from sockets that live long, download slowly. Failures are theirs to bear.
 * Prints `ready`, and on SIGTERM one JSON line of what was done.
 *
 *   node busy-programs.ts WEB OTHER-NAMESERVER
 */
import dgram from 'node:dgram';
import fs from 'node:fs';
import net from 'node:net';

const [web = '', otherServer = ''] = process.argv.slice(2);
const done = { questions: 0, answers: 0, connects: 0, connected: 0, datagrams: 0, downloaded: 0 };
let serial = 0;

/** A question for an A record with a random id. */
function question(name: string): Buffer {
  const labels = name.split('.').map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]));
  const head = Buffer.from([0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
  head.writeUInt16BE(Math.floor(Math.random() * 65_536));
  return Buffer.concat([head, ...labels, Buffer.from([0, 0, 1, 0, 1])]);
}

function configuredServer(): string {
  try {
    return /^nameserver (\S+)/m.exec(fs.readFileSync('/etc/resolv.conf', 'utf8'))?.[1] ?? otherServer;
  } catch {
    return otherServer;
  }
}

function ask(server: string): void {
  const socket = dgram.createSocket('udp4');
  socket.on('error', () => socket.close());
  socket.on('message', () => {
    done.answers++;
    socket.close();
  });
  const timer = setTimeout(() => socket.close(), 1_000);
  socket.on('close', () => clearTimeout(timer));
  done.questions++;
  socket.send(question(`n${serial++}.hidden.example`), 53, server);
}

/** As resolvers that keep their socket: connected once, asking again and again. */
function askLong(server: () => string): void {
  const socket = dgram.createSocket('udp4');
  const timer = setInterval(() => {
    done.questions++;
    socket.send(question(`l${serial++}.hidden.example`));
  }, 5);
  const again = () => {
    clearInterval(timer);
    socket.close();
    setTimeout(() => askLong(server), 20);
  };
  socket.on('message', () => done.answers++);
  socket.once('error', again);
  socket.connect(53, server());
  setTimeout(() => socket.emit('error', new Error('another one')), 3_000).unref();
  timer.unref();
}

function askByTcp(server: string): void {
  const socket = net.connect(53, server);
  const message = question(`t${serial++}.hidden.example`);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  socket.on('error', () => socket.destroy());
  socket.on('connect', () => socket.write(Buffer.concat([length, message])));
  socket.on('data', () => socket.destroy());
  socket.setTimeout(1_500, () => socket.destroy());
  done.questions++;
}

/** A request with a cookie; half of the connections are closed in the middle. */
function connect(host: string): void {
  const socket = net.connect(80, host);
  done.connects++;
  socket.on('error', () => socket.destroy());
  socket.on('connect', () => {
    done.connected++;
    socket.write('GET / HTTP/1.1\r\nHost: www.hidden.example\r\nCookie: secret=1\r\n\r\n');
    setTimeout(() => (Math.random() < 0.5 ? socket.destroy() : socket.end()), Math.random() * 400);
  });
  socket.on('data', () => undefined);
  socket.setTimeout(2_000, () => socket.destroy());
}

/** Never ends by itself; begins anew when it is ended. */
function download(host: string): void {
  const socket = net.connect(80, host);
  socket.on('error', () => socket.destroy());
  socket.on('close', () => setTimeout(() => download(host), 100));
  socket.on('connect', () => {
    const timer = setInterval(() => socket.write('GET / HTTP/1.1\r\nHost: slow.example\r\n\r\n'), 20);
    socket.on('close', () => clearInterval(timer));
  });
  socket.on('data', (bytes) => {
    done.downloaded += bytes.length;
  });
}

/** One socket from beginning to end, to an address; connected or not, bound to the TUN's address or not. */
function talk(host: string, connected: boolean): void {
  const type = host.includes(':') ? 'udp6' : 'udp4';
  const socket = dgram.createSocket(type);
  socket.on('error', () => undefined);
  const send = () => {
    done.datagrams++;
    const failed = () => undefined;
    if (connected) socket.send('ping', failed);
    else socket.send('ping', 7, host, failed);
  };
  const begin = () => setInterval(send, 10);
  if (connected) socket.connect(7, host, begin);
  else socket.bind(0, begin);
}

setInterval(() => ask(configuredServer()), 10);
setInterval(() => ask(otherServer), 10);
setInterval(() => askByTcp(Math.random() < 0.5 ? otherServer : configuredServer()), 40);
setInterval(() => connect(web), 15);
setInterval(() => connect('www.hidden.example'), 25);
setInterval(() => connect('2001:db8:80::80'), 25);
askLong(configuredServer);
askLong(() => otherServer);
for (let i = 0; i < 8; i++) download(i < 4 ? web : 'slow.hidden.example');
for (const connected of [true, false]) talk(web, connected);
for (const connected of [true, false]) talk('2001:db8:80::80', connected);
process.on('uncaughtException', () => undefined);
process.on('SIGTERM', () => {
  process.stdout.write(`${JSON.stringify(done)}\n`);
  process.exit(0);
});
process.stdout.write('ready\n');
