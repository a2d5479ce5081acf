"""Ends TLS (Python's OpenSSL) and passes what is in it on to another port, as stunnel does: tls-end.py HOST PORT TO CERT KEY [VERSION [CA]].

A close_notify becomes FIN and FIN a close_notify; a reset is a reset."""
import socket, ssl, struct, sys, threading

host, port, to, cert, key = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4], sys.argv[5]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(cert, key)
if len(sys.argv) > 6 and sys.argv[6] == '1.2':
    context.maximum_version = ssl.TLSVersion.TLSv1_2
if len(sys.argv) > 7:
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(sys.argv[7])


def reset(end):
    try:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        end.close()
    except OSError:
        pass


def serve(connection):
    """One thread a direction; the TLS object itself is used by one at a time."""
    outward = None
    try:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, outgoing, server_side=True)
        lock = threading.Lock()

        def flush():
            data = outgoing.read()
            if data:
                connection.sendall(data)

        def feed():
            data = connection.recv(65536)
            incoming.write(data) if data else incoming.write_eof()

        while True:
            try:
                tls.do_handshake()
                flush()
                break
            except ssl.SSLWantReadError:
                flush()
                feed()
        outward = socket.create_connection((host, to))

        def back():
            try:
                while data := outward.recv(65536):
                    with lock:
                        tls.write(data)
                        flush()
                with lock:
                    try:
                        tls.unwrap()
                    except ssl.SSLError:
                        pass
                    flush()
                connection.shutdown(socket.SHUT_WR)
            except (OSError, ssl.SSLError):
                reset(connection)

        threading.Thread(target=back, daemon=True).start()
        while True:
            try:
                with lock:
                    data = tls.read(65536)
                if not data:
                    break
                outward.sendall(data)
            except ssl.SSLWantReadError:
                feed()
            except ssl.SSLZeroReturnError:
                break
        outward.shutdown(socket.SHUT_WR)
    except (OSError, ssl.SSLError):
        with lock if outward else threading.Lock():
            try:
                flush()
            except (OSError, NameError):
                pass
        reset(connection)
        if outward:
            reset(outward)


server = socket.create_server((host, port))
print('ready', flush=True)
while True:
    connection, _ = server.accept()
    threading.Thread(target=serve, args=[connection], daemon=True).start()
