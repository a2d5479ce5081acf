/** What no page may do in this app, whatever it is made to load: permissions, network, navigation, new windows. */
import type { App, Session, WebContents } from 'electron';
import { isRendererUrl, rendererOrigin } from './renderer-protocol.ts';

/** Copying text to the clipboard is all that the page needs. */
const grantedPermissions: readonly string[] = ['clipboard-sanitized-write'];

/** Must be called before the app is ready. */
export function hardenApp(app: App): void {
  // Chromium runs as root without its sandbox only, and says so itself; the page has no Node either way.
  if (!app.commandLine.hasSwitch('no-sandbox')) app.enableSandbox();
  // The page asks nobody anything: no name is resolved for it, nothing is fetched on the side.
  app.commandLine.appendSwitch('host-resolver-rules', 'MAP * ~NOTFOUND');
  app.commandLine.appendSwitch('disable-background-networking');
  app.commandLine.appendSwitch('disable-component-update');
  app.on('web-contents-created', (_, contents) => hardenContents(contents));
}

/** Must be called once the app is ready. */
export function hardenSession(session: Session): void {
  session.setPermissionRequestHandler((_, permission, callback) => callback(grantedPermissions.includes(permission)));
  session.setPermissionCheckHandler((_, permission) => grantedPermissions.includes(permission));
  session.setDevicePermissionHandler(() => false);
  session.setSpellCheckerEnabled(false);
  session.webRequest.onBeforeRequest((details, callback) => callback({ cancel: !isAllowedRequest(details.url) }));
  session.on('will-download', (event, item) => {
    if (!isOwnBlob(item.getURL())) event.preventDefault();
  });
}

/** Developer tools load themselves. */
export function isAllowedRequest(url: string): boolean {
  return isRendererUrl(url) || isOwnBlob(url) || url.startsWith('devtools://');
}

/** Made by the page itself: the export of a table. */
function isOwnBlob(url: string): boolean {
  return url.startsWith(`blob:${rendererOrigin}/`);
}

function hardenContents(contents: WebContents): void {
  contents.setWindowOpenHandler(() => ({ action: 'deny' }));
  contents.setWebRTCIPHandlingPolicy('disable_non_proxied_udp');
  contents.on('will-navigate', (event) => event.preventDefault());
  contents.on('will-redirect', (event) => event.preventDefault());
  contents.on('will-attach-webview', (event) => event.preventDefault());
}
