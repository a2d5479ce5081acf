/** The main process' end of the bridge: who calls is checked by frame, what is said by schema. */
import { type IpcMainEvent, type IpcMainInvokeEvent, ipcMain, type MessagePortMain } from 'electron';
import { z } from 'zod';
import { callApp } from '../core/app/app-call.ts';
import { ViewerSession } from '../core/app/browser/viewer-session.ts';
import { AppError } from '../core/base/app-error.ts';
import type { Logger } from '../core/base/logger.ts';
import type { MirageBridge } from '../core/contract/app.ts';
import { attachChannel, batchTaken, type CallAnswer, callChannel } from './ipc-channel.ts';

/** Batches that a window may leave unread before it gets no more. */
const maxUnreadBatches = 64;

const callArguments = z.tuple([z.string().max(64), z.unknown()]);

/** Tells whether a message comes from the top frame of our window showing our page. */
export type IsOurs = (event: IpcMainEvent | IpcMainInvokeEvent) => boolean;

/** Installs both handlers; the returned function removes them and ends every session. */
export function serveIpc(bridge: MirageBridge, isOurs: IsOurs, logger: Logger): () => void {
  const sessions = new Set<ViewerSession>();

  ipcMain.handle(callChannel, async (event, ...received): Promise<CallAnswer> => {
    try {
      if (!isOurs(event)) throw new AppError('HELPER_NOT_ALLOWED', 'this page may not call Mirage');
      const parsed = callArguments.safeParse(received);
      if (!parsed.success) throw new AppError('RPC_BAD_FRAME', 'a call of unknown form');
      const [method, params] = parsed.data;
      return { result: await callApp(bridge, method, params) };
    } catch (caught) {
      return { error: AppError.from(caught).toData() };
    }
  });

  const attach = (event: IpcMainEvent): void => {
    const [port] = event.ports;
    if (port === undefined) return;
    if (!isOurs(event)) {
      port.close();
      return;
    }
    const session = openSession(bridge, port, logger);
    sessions.add(session);
    port.on('close', () => {
      session.close();
      sessions.delete(session);
    });
  };
  ipcMain.on(attachChannel, attach);

  return () => {
    ipcMain.removeHandler(callChannel);
    ipcMain.off(attachChannel, attach);
    for (const session of sessions) session.close();
  };
}

function openSession(bridge: MirageBridge, port: MessagePortMain, logger: Logger): ViewerSession {
  let unread = 0;
  const session = new ViewerSession(bridge, {
    send(frame) {
      if ('batch' in frame) unread += 1;
      port.postMessage(frame);
    },
    get congested() {
      return unread >= maxUnreadBatches;
    },
  });
  port.on('message', ({ data }) => {
    try {
      if (data === batchTaken) unread = Math.max(0, unread - 1);
      else session.receive(data);
    } catch (caught) {
      logger.warning('the window broke the protocol', { message: AppError.from(caught).message });
      session.close();
      port.close();
    }
  });
  port.start();
  return session;
}
