/** The icon in the system's tray and its menu: puts a `TrayView` on the screen, hands clicks to the model. */
import { Menu, type NativeImage, nativeImage, Tray } from 'electron';
import type { Clock } from '../core/base/clock.ts';
import type { MirageBridge } from '../core/contract/app.ts';
import { TrayModel } from './tray-model.ts';
import type { TrayText } from './tray-text.ts';
import type { TrayIcon, TrayView } from './tray-view.ts';

export interface AppTrayOptions {
  bridge: MirageBridge;
  clock: Clock;
  text: TrayText;
  /** Path of an icon's PNG; `@2x` beside it is for dense screens. */
  iconPath: (icon: TrayIcon) => string;
  onOpen: () => void;
  onQuit: () => void;
}

export class AppTray {
  readonly #options: AppTrayOptions;
  readonly #model: TrayModel;
  readonly #icons: Record<TrayIcon, NativeImage>;
  #tray: Tray | undefined;

  /** Needs a ready app. Harmless where no tray exists. */
  constructor(options: AppTrayOptions) {
    this.#options = options;
    const load = (icon: TrayIcon) => nativeImage.createFromPath(options.iconPath(icon));
    this.#icons = { off: load('off'), on: load('on'), trouble: load('trouble') };
    this.#model = new TrayModel(options.bridge, options.clock, options.text, (view) => this.#show(view));
  }

  destroy(): void {
    this.#model.close();
    this.#tray?.destroy();
    this.#tray = undefined;
  }

  #show(view: TrayView): void {
    const tray = (this.#tray ??= this.#create(view));
    tray.setImage(this.#icons[view.icon]);
    tray.setToolTip(view.tooltip);
    tray.setContextMenu(this.#menu(view));
  }

  #create(view: TrayView): Tray {
    const tray = new Tray(this.#icons[view.icon]);
    tray.setTitle('Mirage');
    tray.on('click', () => this.#options.onOpen());
    return tray;
  }

  /** Linux shows changes only of a new menu. */
  #menu(view: TrayView): Menu {
    const { text, onOpen, onQuit } = this.#options;
    return Menu.buildFromTemplate([
      { label: view.status, enabled: false },
      {
        label: text.enhanced,
        type: 'checkbox',
        ...view.enhanced,
        click: (item) => this.#model.toggleEnhanced(item.checked),
      },
      { type: 'separator' },
      { label: text.open, click: onOpen },
      { label: text.restore, enabled: view.restoreEnabled, click: () => this.#model.restore() },
      { type: 'separator' },
      // Not from within the click: quitting takes this menu away, and its answer with it.
      { label: text.quit, click: () => setImmediate(onQuit) },
    ]);
  }
}
