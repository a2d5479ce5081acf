/** Programs that send datagrams, as Node runs them with `-e`. */

/** Sends one datagram, prints the answer's text or the error's code. */
export const askUdp = `
const s = require('dgram').createSocket('udp4'); const [host, port, text] = process.argv.slice(1);
const done = (word) => { console.log(word); s.close(); };
s.on('error', (e) => done(e.code)); s.on('message', (m) => done('got ' + m));
s.connect(Number(port), host, (e) => { if (e) return done(e.code); s.send(text); setTimeout(() => done('silence'), 12_000).unref(); });`;

/**
 * A SOCKS5 client of the mixed port: asks each `host port` in one association, prints the answers, waits 1.5 s for one where it says
 * `silent` behind; then ends its TCP connection and asks once more.
 */
export const askMixed = `
const net = require('net'), dgram = require('dgram'); const targets = process.argv.slice(1);
const header = (host, port) => Buffer.concat([Buffer.from([0, 0, 0, 3, host.length]), Buffer.from(host), Buffer.from([port >> 8, port & 255])]);
const tcp = net.connect(7890, '127.0.0.1', () => tcp.write(Buffer.from([5, 1, 0, 5, 3, 0, 1, 0, 0, 0, 0, 0, 0])));
let bytes = Buffer.alloc(0);
tcp.on('data', async (chunk) => {
  bytes = Buffer.concat([bytes, chunk]);
  if (bytes.length < 12) return;
  const relay = bytes.readUInt16BE(10), udp = dgram.createSocket('udp4');
  const ask = (host, port, fragment, patience) => new Promise((resolve) => {
    const give = setTimeout(() => resolve(host + ' silence'), patience);
    udp.once('message', (m) => { clearTimeout(give); resolve(host + ' ' + m.subarray(10)); });
    const head = header(host, port); if (fragment) head[2] = 1;
    udp.send(Buffer.concat([head, Buffer.from('ping')]), relay, '127.0.0.1');
  });
  for (const target of targets) { const [host, port, silent] = target.split(' '); console.log(await ask(host, Number(port), false, silent ? 1500 : 12_000)); }
  console.log('fragment', await ask(targets[0].split(' ')[0], 9, true, 1500));
  tcp.destroy(); await new Promise((r) => setTimeout(r, 200));
  console.log('ended', await ask(targets[0].split(' ')[0], 9, false, 1500)); udp.close();
});`;
