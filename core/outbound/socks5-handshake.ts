/** The SOCKS5 client's handshake over a connected socket, and what its refusals are called. */
import type { Socket } from 'node:net';
import { AppError } from '../base/app-error.ts';
import type { Clock } from '../base/clock.ts';
import { unreachable } from '../base/unreachable.ts';
import type { Endpoint } from '../contract/flow.ts';
import type { Socks5Client, Socks5ClientFailure } from '../net/socks5-client.ts';
import { dialCodeOfSocksReply } from './dial-error.ts';
import type { DialOptions } from './dialer.ts';
import { handshake } from './handshake.ts';

/**
 * Resolves to the address in the reply when the proxy has connected. Rejects with DIAL_REFUSED, DIAL_NETWORK_UNREACHABLE,
 * DIAL_HOST_UNREACHABLE, DIAL_TIMEOUT, DIAL_PROXY_AUTH, DIAL_PROXY_DENIED or DIAL_PROXY_FAILED; the socket is then destroyed.
 */
export async function socks5Handshake(
  socket: Socket,
  client: Socks5Client,
  clock: Clock,
  options: DialOptions,
): Promise<Endpoint> {
  return await handshake(socket, client, errorOf, clock, options);
}

function errorOf(failure: Socks5ClientFailure): AppError {
  switch (failure.why) {
    case 'auth':
      return new AppError('DIAL_PROXY_AUTH', failure.message, {
        expected: 'the user name and password that the proxy knows',
      });
    case 'protocol':
      return new AppError('DIAL_PROXY_FAILED', failure.message, { expected: 'a SOCKS5 server at this address' });
    case 'reply':
      return new AppError(dialCodeOfSocksReply(failure.reply), `the proxy answered: ${replyText(failure.reply)}`);
    default:
      return unreachable(failure);
  }
}

/** The words of RFC 1928 section 6. */
function replyText(reply: number): string {
  const texts = [
    'succeeded',
    'general failure',
    'connection not allowed by ruleset',
    'network unreachable',
    'host unreachable',
    'connection refused',
    'TTL expired',
    'command not supported',
    'address type not supported',
  ];
  return texts[reply] ?? `unknown reply ${reply}`;
}
