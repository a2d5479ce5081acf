/**
 * Where a server may lead a download, and what goes along, after the fetch standard (HTTP-redirect fetch): what the profile has us
 * send stays with the origin that it was meant for, nothing goes from https to http, and nobody outside leads to a host that is
 * nearer to us than itself. Pure.
 */
import { AppError } from '../../base/app-error.ts';
import { distanceOfHost } from '../../base/nearness.ts';

export type OwnHeaders = Readonly<Record<string, string>>;

/** Throws DOWNLOAD_FAILED for a redirect that is not followed. `from`: how far the host is that sends us there. */
export function assertMayLead(url: URL, next: URL, from: number): void {
  if (url.protocol === 'https:' && next.protocol === 'http:')
    throw new AppError('DOWNLOAD_FAILED', 'the server leads from https to http, where others could read it');
  if (distanceOfHost(next.hostname) < from) throw tooNear();
}

/** A server leads to this machine, its link or its network from further away: to what only we can reach, not it. */
export function tooNear(): AppError {
  return new AppError('DOWNLOAD_FAILED', 'the server leads to an address of this machine or of its network', {
    expected: 'if that is meant, the address that it leads to',
  });
}

/**
 * Of what the profile wants to be sent, what goes on to `next`. Any of it may be a secret, so that another origin gets none; the same
 * host over TLS instead is told who we are.
 */
export function headersAcross(own: OwnHeaders, url: URL, next: URL): OwnHeaders {
  if (url.origin === next.origin) return own;
  const isUpgrade = url.hostname === next.hostname && url.protocol === 'http:' && next.protocol === 'https:';
  return Object.fromEntries(Object.entries(own).filter(([name]) => isUpgrade && name.toLowerCase() === 'user-agent'));
}
