"""A SOCKS5 server (RFC 1928) for UDP ASSOCIATE whose reply is what the user name says, in hexadecimal: address type, address and
port; the port 0001 stands for the relay's real one. The relay answers every datagram itself, with `got ` in front."""
import asyncio
import socket
import struct
import sys

HOST, PORT = sys.argv[1], int(sys.argv[2])


class Relay(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, source):
        header = 3 + {1: 7, 4: 19, 3: 4 + data[4]}[data[3]]
        self.transport.sendto(data[:header] + b"got " + data[header:], source)


async def serve(reader, writer):
    methods = (await reader.readexactly(2))[1]
    await reader.readexactly(methods)
    writer.write(b"\x05\x02")
    name = await reader.readexactly((await reader.readexactly(2))[1])
    await reader.readexactly((await reader.readexactly(1))[0])
    writer.write(b"\x01\x00")
    kind = (await reader.readexactly(4))[3]
    await reader.readexactly({1: 6, 4: 18}[kind] if kind != 3 else (await reader.readexactly(1))[0] + 2)
    reply = bytes.fromhex(name.decode())
    relay = None
    if reply.endswith(b"\x00\x01"):
        loop = asyncio.get_running_loop()
        relay, _ = await loop.create_datagram_endpoint(Relay, local_addr=(HOST, 0))
        reply = reply[:-2] + struct.pack("!H", relay.get_extra_info("sockname")[1])
    writer.write(b"\x05\x00\x00" + reply)
    await reader.read()
    if relay:
        relay.close()
    writer.close()


async def main():
    server = await asyncio.start_server(serve, HOST, PORT)
    # For replies with port 0: a relay at the port of the listener.
    await asyncio.get_running_loop().create_datagram_endpoint(Relay, local_addr=(HOST, PORT))
    print("ready", flush=True)
    await server.serve_forever()


asyncio.run(main())
