/** What must keep working beside the tunnel: a proxy on this machine, the LAN, containers, multicast. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Mirage } from '../../support/mirage.ts';
import { profile } from '../../support/profiles.ts';
import { describeInLab } from '../../support/tier.ts';
import { World } from '../../support/world.ts';

describeInLab('neighbours of the tunnel', () => {
  let world: World;
  let mirage: Mirage;

  beforeAll(async () => {
    world = await World.create();
    await world.startWeb();
    // A container: its own namespace behind a bridge on the client, as container engines make it.
    const container = await world.lab.machine('container');
    await world.lab.link(world.client, '172.30.0.1/24', container, '172.30.0.2/24');
    await container.sh('ip route add default via 172.30.0.1');
    container.spawn(process.execPath, [
      '-e',
      `require('http').createServer((q, r) => r.end('from the container, for ' + q.socket.remoteAddress)).listen(8080)`,
    ]);
    await world.waitForListener(container, 8080);
    await world.client.sh('echo 1 > /proc/sys/net/ipv4/ip_forward; nft -f -', {
      input:
        'table ip nat {\n chain pre {\n type nat hook prerouting priority -100;\n tcp dport 8888 dnat to 172.30.0.2:8080;\n }\n}\n',
    });
    await world.startMicrosocks(world.client, '127.0.0.1', 1085);
    mirage = new Mirage(world.client);
    await mirage.start();
    await mirage.enhanced(profile(['DOMAIN,direct.example,local', 'MATCH,DIRECT']));
  });
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  test('a SOCKS5 server on this machine is used without a loop: its own connections go DIRECT', async () => {
    const result = await world.client.run('curl', ['-sS', '-m', '8', 'http://direct.example/']);
    expect(result.stderr).toBe('');
    expect(result.stdout).toContain('host=direct.example client=10.20.0.2');
    const rows = (await mirage.connections()).filter((row) => row.destination.host === 'direct.example');
    expect(rows.map((row) => String(row.chain[0])).toSorted()).toEqual(['DIRECT', 'local']);
    expect(rows.find((row) => row.chain[0] === 'DIRECT')).toMatchObject({
      rule: { type: 'LOOP-GUARD' },
      process: { name: 'microsocks' },
    });
  });

  test('on-link neighbours are reached on their link, not through the tunnel', async () => {
    expect(await world.client.sh('ip route get 10.20.0.1')).toContain('dev eth0');
    const before = (await mirage.connections()).length;
    expect((await world.client.run('curl', ['-sS', '-m', '5', 'http://172.30.0.2:8080/'])).stdout).toContain(
      'from the container',
    );
    expect((await mirage.connections()).length).toBe(before);
  });

  test('a published container port answers from outside', async () => {
    const result = await world.router.run('curl', ['-sS', '-m', '5', 'http://10.20.0.2:8888/']);
    expect(result.stdout).toMatch(/from the container, for (::ffff:)?10\.20\.0\.1/);
  });

  test('multicast and broadcast stay on the LAN', async () => {
    expect(await world.client.sh('ip route get 224.0.0.251')).not.toContain('mirage0');
    expect(await world.client.sh('ip route get 255.255.255.255 oif eth0')).toContain('dev eth0');
    const hear = world.router.spawn(process.execPath, [
      '-e',
      `const s=require('dgram').createSocket({type:'udp4',reuseAddr:true});s.on('message',(m,f)=>{console.log('heard '+m+' '+f.address);process.exit()});s.bind(5353,()=>{s.addMembership('224.0.0.251','10.20.0.1');console.log('listening')})`,
    ]);
    await hear.printed(/listening/);
    await world.client.run(process.execPath, [
      '-e',
      `const s=require('dgram').createSocket('udp4');s.send('mdns?',5353,'224.0.0.251',()=>s.close())`,
    ]);
    await hear.printed(/heard mdns\? 10\.20\.0\.2/);
  });

  test('a service of this machine stays reachable from outside', async () => {
    const server = world.client.spawn(process.execPath, [
      '-e',
      `require('http').createServer((q, r) => r.end('service')).listen(8081, () => console.log('up'))`,
    ]);
    await server.printed(/up/);
    expect((await world.router.run('curl', ['-sS', '-m', '5', 'http://10.20.0.2:8081/'])).stdout).toBe('service');
    expect((await world.web.run('curl', ['-sS', '-m', '5', 'http://10.20.0.2:8081/'])).stdout).toBe('service');
  });
});
