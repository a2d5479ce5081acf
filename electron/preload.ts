/**
 * The only thing the page gets from Electron: `window.mirage`, exactly a `MirageBridge`. Runs sandboxed; ipcRenderer, ports
 * and Node stay on this side.
 */
import { contextBridge, ipcRenderer } from 'electron';
import type { AppEvents, MirageBridge } from '../core/contract/app.ts';
import type { ClientFrame, ServerFrame } from '../core/contract/app-socket.ts';
import { unchecked } from '../core/rpc/unchecked.ts';
import { attachChannel, batchTaken, type CallAnswer, callChannel } from './ipc-channel.ts';

type AnyHandler = (data: unknown) => void;

const eventHandlers: Record<keyof AppEvents, Set<AnyHandler>> = {
  link: new Set(),
  info: new Set(),
  snapshot: new Set(),
  traffic: new Set(),
};
const lastEvents = new Map<string, unknown>();
const subscriptions = new Map<number, { batch: AnyHandler; refused: AnyHandler }>();
let nextSubscription = 1;

const channel = new MessageChannel();
const port = channel.port1;
port.addEventListener('message', (message: MessageEvent<ServerFrame>) => receive(message.data));
port.start();
ipcRenderer.postMessage(attachChannel, null, [channel.port2]);

function receive(frame: ServerFrame): void {
  if ('event' in frame) {
    lastEvents.set(frame.event, frame.data);
    // A helper that is gone has no snapshot to show to who comes later.
    if (frame.event === 'link' && frame.data.kind !== 'connected') lastEvents.delete('snapshot');
    for (const handler of eventHandlers[frame.event]) handler(frame.data);
  } else if ('batch' in frame) {
    subscriptions.get(frame.batch)?.batch(frame.data);
    port.postMessage(batchTaken);
  } else if ('refused' in frame) {
    subscriptions.get(frame.refused)?.refused(frame.error);
  }
}

function send(frame: ClientFrame): void {
  port.postMessage(frame);
}

const bridge: MirageBridge = {
  async call(method, params) {
    const answer: CallAnswer = await ipcRenderer.invoke(callChannel, method, params);
    // Plain data: an Error loses all but its message when it crosses into the page.
    if ('error' in answer) throw answer.error;
    return unchecked(answer.result);
  },
  on(event, handler) {
    const own: AnyHandler = (data) => handler(unchecked(data));
    eventHandlers[event].add(own);
    if (lastEvents.has(event)) own(lastEvents.get(event));
    return () => {
      eventHandlers[event].delete(own);
    };
  },
  subscribe(topic, options, handler, onRefused) {
    const number = nextSubscription++;
    subscriptions.set(number, {
      batch: (data) => handler(unchecked(data)),
      refused: (error) => onRefused(unchecked(error)),
    });
    send({ subscribe: number, topic, options });
    return () => {
      if (subscriptions.delete(number)) send({ unsubscribe: number });
    };
  },
};

contextBridge.exposeInMainWorld('mirage', bridge);
