/** The icon in the system's tray and its menu: puts a `TrayView` on the screen, hands clicks to the model. */
import { Menu, type MenuItemConstructorOptions, type NativeImage, nativeImage, Tray } from 'electron';
import type { Clock } from '../core/base/clock.ts';
import type { MirageBridge } from '../core/contract/app.ts';
import type { TrayChoice } from './tray-choices.ts';
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
  /** The person wants the network restored; `reached` tells whether the helper can do it. */
  onRestore: (reached: boolean, restore: () => void) => void;
  onQuit: () => void;
}

export class AppTray {
  readonly #options: AppTrayOptions;
  readonly #model: TrayModel;
  #text: TrayText;
  readonly #icons: Record<TrayIcon, NativeImage>;
  #tray: Tray | undefined;

  /** Needs a ready app. Harmless where no tray exists. */
  constructor(options: AppTrayOptions) {
    this.#options = options;
    const load = (icon: TrayIcon) => nativeImage.createFromPath(options.iconPath(icon));
    this.#icons = { off: load('off'), on: load('on'), trouble: load('trouble') };
    this.#text = options.text;
    this.#model = new TrayModel(options.bridge, options.clock, options.text, (view) => this.#show(view));
  }

  /** Another language from now on. */
  speak(text: TrayText): void {
    this.#text = text;
    this.#model.speak(text);
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

  /** Mode, groups and profiles, with a line below them; nothing where there is nothing to choose. */
  #choices({ modes, groups, profiles }: TrayView): MenuItemConstructorOptions[] {
    const text = this.#text;
    const submenu = <V extends string>(
      choices: TrayChoice<V>[],
      choose: (value: V) => void,
    ): MenuItemConstructorOptions[] =>
      choices.map(({ value, ...choice }) => ({ ...choice, type: 'radio', click: () => choose(value) }));
    const ofGroups = groups.map(({ name, label, members, more }) => ({
      label,
      submenu: [
        ...submenu(members, (member) => this.#model.choose(name, member)),
        ...(more === 0 ? [] : [{ label: text.more(more), click: this.#options.onOpen }]),
      ],
    }));
    return [
      {
        label: text.mode,
        // Without the helper there is nothing to choose.
        enabled: modes.some(({ enabled }) => enabled),
        submenu: submenu(modes, (mode) => this.#model.setMode(mode)),
      },
      ...ofGroups,
      ...(profiles.length === 0
        ? []
        : [{ label: text.profiles, submenu: submenu(profiles, (id) => this.#model.useProfile(id)) }]),
      { type: 'separator' },
    ];
  }

  /** Linux shows changes only of a new menu. */
  #menu(view: TrayView): Menu {
    const { onOpen, onRestore, onQuit } = this.#options;
    const text = this.#text;
    return Menu.buildFromTemplate([
      { label: view.status, enabled: false },
      {
        label: text.enhanced,
        type: 'checkbox',
        ...view.enhanced,
        click: (item) => this.#model.toggleEnhanced(item.checked),
      },
      { type: 'separator' },
      ...this.#choices(view),
      { label: text.open, click: onOpen },
      {
        label: text.restore,
        enabled: view.restoreEnabled,
        click: () => onRestore(this.#model.reached, () => this.#model.restore()),
      },
      { type: 'separator' },
      // Not from within the click: quitting takes this menu away, and its answer with it.
      { label: text.quit, click: () => setImmediate(onQuit) },
    ]);
  }
}
