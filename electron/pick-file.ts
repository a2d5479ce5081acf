/** Lets the person choose a profile in the desktop's own dialog: the only way by which the window gets at a file by its place. */
import type { PickedFile } from '../core/app/profile-desk.ts';
import { FileSource } from '../core/profile/file-source.ts';
import type { TrayText } from './tray-text.ts';
import type { MainWindow } from './window.ts';

/** Undefined when the person chose none. Rejects as `FileSource` does. */
export async function pickFile(window: MainWindow, text: TrayText): Promise<PickedFile | undefined> {
  const [path] = await window.chooseFile({
    title: text.chooseProfile,
    filters: [
      {
        name: text.profileFiles,
        extensions: ['yaml', 'yml', 'txt', 'conf', 'png', 'jpg', 'jpeg', 'webp', 'gif', 'bmp'],
      },
      { name: text.allFiles, extensions: ['*'] },
    ],
  });
  if (path === undefined) return undefined;
  return { path, bytes: await new FileSource(path).readBytes() };
}
