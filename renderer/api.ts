/** Finds the bridge to the app process: Electron's preload puts one on the window, a browser tab opens a WebSocket. */
import type { MirageBridge } from '../core/contract/app.ts';
import type { appSocketPath, KeyFrame } from '../core/contract/app-socket.ts';
import { electronHomeLink, type HomeLink } from './bridge/home-link.ts';
import { takeSessionKey } from './bridge/session-key.ts';
import { type OpenSocket, SocketBridge, type SocketHandlers } from './bridge/socket-bridge.ts';

declare global {
  interface Window {
    /** Put there by the preload script; absent in a browser. */
    readonly mirage?: MirageBridge;
  }
}

export interface Api {
  readonly bridge: MirageBridge;
  readonly home: HomeLink;
}

const socketPath: typeof appSocketPath = '/api/socket';

export function connectApi(window: Window): Api {
  if (window.mirage !== undefined) return { bridge: window.mirage, home: electronHomeLink };
  const { location, history } = window;
  const { protocol, host } = location;
  const key = takeSessionKey({ location, history, storage: () => window.localStorage });
  const bridge = new SocketBridge({
    open: (handlers) => openSocket(`${protocol === 'https:' ? 'wss' : 'ws'}://${host}${socketPath}`, key, handlers),
    isUnauthorized: async () => (await fetch(socketPath, { cache: 'no-store' })).status === 401,
    now: () => Date.now(),
    random: () => Math.random(),
    after: (ms, callback) => {
      const timer = setTimeout(callback, ms);
      return () => clearTimeout(timer);
    },
  });
  return { bridge, home: bridge };
}

function openSocket(url: string, key: string, { opened, received, closed }: SocketHandlers): OpenSocket {
  const socket = new WebSocket(url);
  socket.addEventListener('open', () => {
    const first: KeyFrame = { key };
    socket.send(JSON.stringify(first));
    opened();
  });
  socket.addEventListener('message', ({ data }: MessageEvent<unknown>) => {
    if (typeof data === 'string') received(data);
  });
  socket.addEventListener('close', ({ code }) => closed(code));
  return socket;
}
