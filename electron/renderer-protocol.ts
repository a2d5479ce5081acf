/** `app://mirage/`: the page and its files, from the build, with their policy. There is no other address. */
import { protocol, type Session } from 'electron';
import { securityHeaders } from '../core/app/browser/content-security-policy.ts';
import type { RendererFiles } from '../core/app/browser/renderer-files.ts';

const scheme = 'app';
const host = 'mirage';

export const rendererOrigin = `${scheme}://${host}`;

/** Whether a URL is one of our page's. Compared as text: `URL.origin` is "null" for schemes of one's own. */
export function isRendererUrl(url: string): boolean {
  return url === rendererOrigin || url.startsWith(`${rendererOrigin}/`);
}

/** Must be called before the app is ready. */
export function registerRendererScheme(): void {
  protocol.registerSchemesAsPrivileged([{ scheme, privileges: { standard: true, secure: true } }]);
}

/** Must be called once the app is ready, before the window loads. */
export function serveRenderer(session: Session, files: RendererFiles): void {
  session.protocol.handle(scheme, async (request) => {
    const headers = securityHeaders([]);
    const url = new URL(request.url);
    if (url.host !== host) return new Response(null, { status: 404, headers });
    if (request.method !== 'GET') return new Response(null, { status: 405, headers });
    const file = await files.read(url.pathname);
    if (file === undefined) return new Response(null, { status: 404, headers });
    return new Response(file.bytes, { headers: { ...headers, 'content-type': file.contentType } });
  });
}
