/** The one window: shown when it has something to show, remembered where it was, and kept to our page. */
import { BrowserWindow, dialog, Menu, type NativeImage, nativeTheme, screen } from 'electron';
import type { IsOurs } from './ipc.ts';
import { isRendererUrl, rendererOrigin } from './renderer-protocol.ts';
import type { SettingsFile } from './settings.ts';
import { minimumSize, placeWindow } from './window-place.ts';

/** Colour of the frame behind the page in renderer/styles/tokens.css, so that nothing flashes before the first paint. */
const background = { light: '#f1f2f3', dark: '#15181a' } as const;

/** Milliseconds that a page has to say whether it may go. */
const unloadMs = 1_000;

export interface MainWindowOptions {
  settings: SettingsFile;
  preload: string;
  icon: NativeImage;
  /** The person closed it. It stays until `hide` or `destroy`. */
  onCloseWanted: () => void;
}

export class MainWindow {
  readonly #options: MainWindowOptions;
  readonly #window: BrowserWindow;
  #mayClose = false;

  /** Needs a ready app. Loads the page and shows it once painted. */
  constructor(options: MainWindowOptions) {
    this.#options = options;
    const { window: remembered } = options.settings.settings;
    const areas = screen.getAllDisplays().map((display) => display.workArea);
    this.#window = new BrowserWindow({
      ...placeWindow(remembered, areas),
      minWidth: minimumSize.width,
      minHeight: minimumSize.height,
      show: false,
      title: 'Mirage',
      icon: options.icon,
      backgroundColor: nativeTheme.shouldUseDarkColors ? background.dark : background.light,
      webPreferences: {
        preload: options.preload,
        sandbox: true,
        contextIsolation: true,
        nodeIntegration: false,
        webviewTag: false,
        spellcheck: false,
        // The tables go on while the window is hidden; what is drawn waits for the next frame by itself.
        backgroundThrottling: true,
      },
    });
    Menu.setApplicationMenu(hiddenMenu());
    this.#window.setMenuBarVisibility(false);
    if (remembered?.maximized === true) this.#window.maximize();
    this.#window.once('ready-to-show', () => this.#window.show());
    this.#window.on('close', (event) => this.#onClose(event));
    void this.#window.loadURL(`${rendererOrigin}/`);
  }

  /** Brings it to the front, from the tray or from behind. */
  show(): void {
    if (this.#window.isDestroyed()) return;
    if (this.#window.isMinimized()) this.#window.restore();
    this.#window.show();
    this.#window.focus();
  }

  minimise(): void {
    this.#window.minimize();
  }

  /**
   * Whether the page has something that would be lost: it is asked as browsers ask before a page goes (`beforeunload`, HTML section 7.4).
   * One that does not answer has nothing.
   */
  async hasUnsaved(): Promise<boolean> {
    if (this.#window.isDestroyed()) return false;
    const question = "window.dispatchEvent(new Event('beforeunload', { cancelable: true }))";
    const asked: Promise<unknown> = this.#window.webContents.executeJavaScript(question);
    const silence = new Promise<true>((resolve) => setTimeout(resolve, unloadMs, true));
    return (await Promise.race([asked, silence]).catch(() => true)) === false;
  }

  /** Shows a question that belongs to this window; returns the place of the button. */
  async ask(options: Electron.MessageBoxOptions): Promise<number> {
    return (await dialog.showMessageBox(this.#window, options)).response;
  }

  /** Places of the files that the person chose; none when the dialog was closed. */
  async chooseFile(options: Electron.OpenDialogOptions): Promise<readonly string[]> {
    const { filePaths } = await dialog.showOpenDialog(this.#window, { ...options, properties: ['openFile'] });
    return filePaths;
  }

  hide(): void {
    this.#window.hide();
  }

  /** Ends it for good, without asking. */
  destroy(): void {
    this.#mayClose = true;
    this.#remember();
    this.#window.destroy();
  }

  /** Only the top frame of this window, and only while it shows our page, may speak to the main process. */
  readonly isOurs: IsOurs = (event) => {
    const frame = event.senderFrame;
    return (
      !this.#window.isDestroyed() &&
      event.sender === this.#window.webContents &&
      frame !== null &&
      frame.parent === null &&
      isRendererUrl(frame.url)
    );
  };

  #onClose(event: { preventDefault(): void }): void {
    this.#remember();
    if (this.#mayClose) return;
    event.preventDefault();
    this.#options.onCloseWanted();
  }

  #remember(): void {
    if (this.#window.isDestroyed()) return;
    const place = { ...this.#window.getNormalBounds(), maximized: this.#window.isMaximized() };
    try {
      this.#options.settings.update({ window: place });
    } catch {
      // A full or read-only home directory: next time it opens where it opens.
    }
  }
}

/** Never seen; it carries the keys that people expect (zoom, full screen, close, quit). */
function hiddenMenu(): Menu {
  return Menu.buildFromTemplate([
    { role: 'fileMenu' },
    { role: 'editMenu' },
    {
      label: 'View',
      submenu: [
        { role: 'resetZoom' },
        { role: 'zoomIn' },
        { role: 'zoomIn', accelerator: 'CommandOrControl+=', visible: false },
        { role: 'zoomOut' },
        { role: 'togglefullscreen' },
      ],
    },
  ]);
}
