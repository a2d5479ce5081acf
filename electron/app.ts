/** The desktop app: one service, one window, one tray, and their life. The window may be hidden; quitting ends the session. */
import { join } from 'node:path';
import { type App, nativeImage, session } from 'electron';
import type { Clock } from '../core/base/clock.ts';
import type { Logger } from '../core/base/logger.ts';
import type { AppService } from '../core/controller/app-service.ts';
import { RendererFiles } from '../core/controller/renderer-files.ts';
import { hardenSession } from './hardening.ts';
import { serveIpc } from './ipc.ts';
import { serveRenderer } from './renderer-protocol.ts';
import type { SettingsFile } from './settings.ts';
import { AppTray } from './tray.ts';
import { trayTextFor } from './tray-text.ts';
import { MainWindow } from './window.ts';

export interface DesktopAppOptions {
  app: App;
  service: AppService;
  settings: SettingsFile;
  clock: Clock;
  logger: Logger;
  /** Directory that holds `dist`. */
  root: string;
  /** Whether the desktop can show a tray icon now. */
  hasTray: () => Promise<boolean>;
}

export class DesktopApp {
  readonly #options: DesktopAppOptions;
  #window: MainWindow | undefined;
  #tray: AppTray | undefined;
  #endIpc: () => void = () => undefined;
  #ending: Promise<void> | undefined;

  constructor(options: DesktopAppOptions) {
    this.#options = options;
  }

  /** Needs a ready app. Shows the window without waiting for the helper. */
  async start(): Promise<void> {
    const { app, service, settings, clock, logger, root } = this.#options;
    const built = join(root, 'dist');
    hardenSession(session.defaultSession);
    serveRenderer(session.defaultSession, new RendererFiles(join(built, 'renderer')));
    this.#endIpc = serveIpc(service, (event) => this.#window?.isOurs(event) === true, logger.child('ipc'));
    const icons = join(built, 'electron', 'icons');
    this.#window = new MainWindow({
      settings,
      preload: join(built, 'electron', 'preload.cjs'),
      icon: nativeImage.createFromPath(join(icons, 'app', '256x256.png')),
      onCloseWanted: () => void this.#onCloseWanted(),
    });
    this.#tray = new AppTray({
      bridge: service,
      clock,
      text: trayTextFor(app.getLocale()),
      iconPath: (icon) => join(icons, 'tray', `${icon}.png`),
      onOpen: () => this.show(),
      onQuit: () => app.quit(),
    });
    await service.start();
  }

  /** Brings the window to the front. */
  show(): void {
    this.#window?.show();
  }

  /** Turns the session off and takes everything off the screen; the app may exit when it resolves. */
  end(): Promise<void> {
    this.#ending ??= this.#end();
    return this.#ending;
  }

  /** Where a tray keeps the app within reach, closing hides; elsewhere it quits. */
  async #onCloseWanted(): Promise<void> {
    if (await this.#options.hasTray()) this.#window?.hide();
    else this.#options.app.quit();
  }

  async #end(): Promise<void> {
    this.#tray?.destroy();
    this.#window?.destroy();
    this.#endIpc();
    await this.#options.service.stop();
  }
}
