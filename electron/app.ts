/** The desktop app: one service, one window, one tray, and their life. The window may be hidden; quitting ends the session. */
import { join } from 'node:path';
import { type App, clipboard, nativeImage, session } from 'electron';
import type { AppService } from '../core/app/app-service.ts';
import { RendererFiles } from '../core/app/browser/renderer-files.ts';
import type { PickedFile } from '../core/app/profile-desk.ts';
import { AppError } from '../core/base/app-error.ts';
import type { Clock } from '../core/base/clock.ts';
import type { Logger } from '../core/base/logger.ts';
import { hardenSession } from './hardening.ts';
import { serveIpc } from './ipc.ts';
import { pickFile } from './pick-file.ts';
import { serveRenderer } from './renderer-protocol.ts';
import type { Settings, SettingsFile } from './settings.ts';
import { AppTray } from './tray.ts';
import { type TrayText, trayTextFor } from './tray-text.ts';
import { MainWindow } from './window.ts';

type Language = NonNullable<Settings['language']>;

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
  #askingToClose = false;
  #askingForUnsaved: Promise<boolean> | undefined;

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
      text: this.#text(),
      iconPath: (icon) => join(icons, 'tray', `${icon}.png`),
      onOpen: () => this.show(),
      onRestore: (reached, restore) => void this.#onRestoreWanted(reached, restore),
      onQuit: () => app.quit(),
    });
    await service.start();
  }

  /** Brings the window to the front. */
  show(): void {
    this.#window?.show();
  }

  /** Undefined when none was chosen. */
  async pickFile(): Promise<PickedFile | undefined> {
    return this.#window === undefined ? undefined : await pickFile(this.#window, this.#text());
  }

  /** Whether the person lets go what is not saved, where there is something. */
  mayEnd(): Promise<boolean> {
    this.#askingForUnsaved ??= this.#askForUnsaved().finally(() => {
      this.#askingForUnsaved = undefined;
    });
    return this.#askingForUnsaved;
  }

  async #askForUnsaved(): Promise<boolean> {
    const window = this.#window;
    if (window === undefined || !(await window.hasUnsaved())) return true;
    const text = this.#text();
    this.show();
    const answer = await window.ask({
      type: 'question',
      message: text.unsavedTitle,
      detail: text.unsavedText,
      buttons: [text.unsavedQuit, text.cancel],
      defaultId: 1,
      cancelId: 1,
      noLink: true,
    });
    return answer === 0;
  }

  /** Turns the session off and takes everything off the screen; the app may exit when it resolves. */
  end(): Promise<void> {
    this.#ending ??= this.#end();
    return this.#ending;
  }

  /** The tray speaks as the window does, and begins as it did last. */
  speak(language: Language): void {
    const { settings, logger } = this.#options;
    if (settings.settings.language === language) return;
    try {
      settings.update({ language });
    } catch (caught) {
      logger.debug('the language is not remembered', { reason: AppError.from(caught).message });
    }
    this.#tray?.speak(this.#text());
  }

  #text(): TrayText {
    const { app, settings } = this.#options;
    return trayTextFor(settings.settings.language ?? app.getLocale());
  }

  /** Where a tray keeps the app within reach, closing hides; elsewhere it quits, after a question if something ends by that. */
  async #onCloseWanted(): Promise<void> {
    const { app, service, hasTray } = this.#options;
    if (await hasTray()) return this.#window?.hide();
    const { snapshot } = service;
    const isOn = snapshot?.mine === true && snapshot.tunnel.kind === 'running' && snapshot.owner?.mode === 'session';
    if (!isOn || this.#askingToClose) return isOn ? undefined : app.quit();
    const text = this.#text();
    this.#askingToClose = true;
    const answer = await this.#window?.ask({
      type: 'question',
      message: text.closeTitle,
      detail: text.closeText,
      buttons: [text.closeQuit, text.closeKeep, text.cancel],
      defaultId: 1,
      cancelId: 2,
      noLink: true,
    });
    this.#askingToClose = false;
    if (answer === 0) app.quit();
    if (answer === 1) this.#window?.minimise();
  }

  async #onRestoreWanted(reached: boolean, restore: () => void): Promise<void> {
    const text = this.#text();
    this.show();
    if (reached) {
      const answer = await this.#window?.ask({
        type: 'question',
        message: text.restoreTitle,
        detail: text.restoreText,
        buttons: [text.restoreConfirm, text.cancel],
        defaultId: 1,
        cancelId: 1,
        noLink: true,
      });
      if (answer === 0) restore();
      return;
    }
    const { offlineRestore } = await this.#options.service.call('getAppInfo', {});
    if (offlineRestore === null) return;
    const answer = await this.#window?.ask({
      type: 'info',
      message: text.unreachable,
      detail: `${text.wayOut}\n\n${offlineRestore}`,
      buttons: [text.copyWayOut, text.cancel],
      defaultId: 0,
      cancelId: 1,
      noLink: true,
    });
    if (answer === 0) void clipboard.writeText(offlineRestore);
  }

  async #end(): Promise<void> {
    this.#tray?.destroy();
    this.#window?.destroy();
    this.#endIpc();
    await this.#options.service.stop();
  }
}
