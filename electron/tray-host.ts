/**
 * Whether this desktop has a tray: asks the StatusNotifierWatcher of the session's message bus, as Electron does when it
 * shows the icon. Where there is none (plain GNOME), closing the window must not hide the app.
 */
import { createConnection, type Socket } from 'node:net';
import { booleanVariant, decodeMessage, encodeCall } from './dbus-message.ts';

/** Milliseconds that the bus may take. */
const patience = 1_000;

/**
 * Never rejects: no bus, no watcher, no answer all mean that there is no tray. `busAddress` is that of
 * DBUS_SESSION_BUS_ADDRESS, `uid` the user who asks.
 */
export function hasTrayHost(busAddress: string | undefined, uid: number): Promise<boolean> {
  const path = unixPathOf(busAddress);
  if (path === undefined) return Promise.resolve(false);
  return new Promise((resolve) => {
    const socket = createConnection(path);
    const finish = (answer: boolean) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const timer = setTimeout(() => finish(false), patience);
    socket.on('error', () => finish(false));
    socket.on('close', () => finish(false));
    socket.on('connect', () => {
      const identity = Buffer.from(String(uid)).toString('hex');
      socket.write(`\0AUTH EXTERNAL ${identity}\r\n`);
    });
    readAnswer(socket, finish);
  });
}

/** The socket of `unix:path=...` or `unix:abstract=...` (D-Bus Specification, "Server Addresses"); the first that we know. */
export function unixPathOf(busAddress: string | undefined): string | undefined {
  for (const address of (busAddress ?? '').split(';')) {
    const match = /^unix:(?:.*,)?(path|abstract)=([^,]+)/.exec(address);
    const value = match?.[2];
    if (value === undefined) continue;
    const path = decodeURIComponent(value);
    return match?.[1] === 'abstract' ? `\0${path}` : path;
  }
  return undefined;
}

const helloSerial = 1;
const querySerial = 2;

/** Goes through authentication and the query; calls `finish` once. */
function readAnswer(socket: Socket, finish: (answer: boolean) => void): void {
  let received = Buffer.alloc(0);
  let authenticated = false;
  socket.on('data', (chunk) => {
    received = Buffer.concat([received, chunk]);
    if (!authenticated) {
      const end = received.indexOf('\r\n');
      if (end < 0) return;
      if (!received.toString('latin1', 0, end).startsWith('OK ')) return finish(false);
      received = received.subarray(end + 2);
      authenticated = true;
      socket.write('BEGIN\r\n');
      socket.write(Buffer.concat([encodeCall(hello), encodeCall(query)]));
    }
    try {
      for (let next = decodeMessage(received); next !== undefined; next = decodeMessage(received)) {
        received = received.subarray(next.length);
        const { kind, replySerial, body } = next.reply;
        if (replySerial === querySerial) return finish(kind === 'return' && booleanVariant(body) === true);
      }
    } catch {
      finish(false);
    }
  });
}

const hello = {
  serial: helloSerial,
  destination: 'org.freedesktop.DBus',
  path: '/org/freedesktop/DBus',
  interface: 'org.freedesktop.DBus',
  member: 'Hello',
  args: [],
} as const;

const query = {
  serial: querySerial,
  destination: 'org.kde.StatusNotifierWatcher',
  path: '/StatusNotifierWatcher',
  interface: 'org.freedesktop.DBus.Properties',
  member: 'Get',
  args: ['org.kde.StatusNotifierWatcher', 'IsStatusNotifierHostRegistered'],
} as const;
