/**
 * Links by which web pages ask for a profile, as the desktop hands them to the app: on its command line, or as an event. Whatever is
 * no such link is passed over.
 */
import type { App } from 'electron';
import type { ProfileOffer } from '../core/contract/profile-import.ts';
import { installSchemes, readInstallLink } from '../core/provider/install-link.ts';

/** What a command line asks for; undefined where it asks for nothing that may be offered. */
export function offerIn(args: readonly string[]): ProfileOffer | undefined {
  for (const arg of args) {
    const link = readInstallLink(arg);
    if (link?.kind !== 'offer') continue;
    const { kind: _, ...offer } = link;
    return offer;
  }
  return undefined;
}

/**
 * Hears of such links for the life of the app, the one that it was started with first. The installed app also says that they are its own; one that is run from its sources
 * leaves the desktop as it is.
 */
export function followInstallLinks(
  app: App,
  commandLine: readonly string[],
  onOffer: (offer: ProfileOffer) => void,
): void {
  const take = (args: readonly string[]): void => {
    const offer = offerIn(args);
    if (offer !== undefined) onOffer(offer);
  };
  take(commandLine);
  if (app.isPackaged) for (const scheme of installSchemes) app.setAsDefaultProtocolClient(scheme);
  app.on('second-instance', (_, args) => take(args));
  app.on('open-url', (event, url) => {
    event.preventDefault();
    take([url]);
  });
}
