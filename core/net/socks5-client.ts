/** The client's side of a SOCKS5 CONNECT or UDP ASSOCIATE (RFC 1928, RFC 1929) as bytes. No sockets. */

import { unreachable } from '../base/unreachable.ts';
import type { Endpoint } from '../contract/flow.ts';
import type { HandshakeClient, HandshakeStep } from './handshake.ts';
import { type Credentials, socks5Commands, socks5Methods, socks5Version } from './socks5.ts';
import { addressTypes, encodeSocksAddress, parseSocksAddress } from './socks5-address.ts';

export type Socks5ClientFailure =
  | { readonly why: 'auth'; readonly message: string }
  | { readonly why: 'protocol'; readonly message: string }
  /** The proxy answered with a reply code of RFC 1928 section 6. */
  | { readonly why: 'reply'; readonly reply: number };

/** `bound`: the address in the reply; of UDP ASSOCIATE that of the relay. */
export type Socks5ClientStep = HandshakeStep<Endpoint, Socks5ClientFailure>;

type Expected = 'method' | 'password-status' | 'reply' | 'bound-name-length' | 'bound-rest';

export class Socks5Client implements HandshakeClient<Endpoint, Socks5ClientFailure> {
  readonly #target: Endpoint;
  readonly #credentials: Credentials | undefined;
  readonly #command: number;
  #expected: Expected = 'method';
  /** What has been read of the address in the reply. */
  #bound: Uint8Array = new Uint8Array();

  /** Credentials are offered besides "no authentication"; the proxy chooses. */
  constructor(target: Endpoint, credentials: Credentials | undefined, command: number = socks5Commands.connect) {
    this.#target = target;
    this.#credentials = credentials;
    this.#command = command;
  }

  start(): Socks5ClientStep {
    const methods =
      this.#credentials === undefined ? [socks5Methods.none] : [socks5Methods.none, socks5Methods.password];
    return this.#want('method', 2, Uint8Array.of(socks5Version, methods.length, ...methods));
  }

  take(bytes: Uint8Array): Socks5ClientStep {
    const [first = 0, second = 0, , fourth = 0] = bytes;
    switch (this.#expected) {
      case 'method':
        return this.#takeMethod(first, second);
      case 'password-status':
        if (second !== 0) return failed({ why: 'auth', message: 'the proxy refused the user name or password' });
        return this.#request();
      case 'reply':
        return this.#takeReply(first, second, fourth);
      case 'bound-name-length':
        this.#bound = Buffer.concat([this.#bound, bytes]);
        return this.#want('bound-rest', first + 2);
      case 'bound-rest':
        return { kind: 'connected', bound: readBound(Buffer.concat([this.#bound, bytes])) };
      default:
        return unreachable(this.#expected);
    }
  }

  /**
   * What it means that the proxy ends the connection after only these of the wanted bytes: some say no more to a wrong password,
   * and some cut their reply short. Undefined where it tells nothing.
   */
  ended(received: Uint8Array): Socks5ClientFailure | undefined {
    const [version, reply = 0] = received;
    if (this.#expected === 'password-status') {
      return { why: 'auth', message: 'the proxy ended the connection when it was told the user name and password' };
    }
    return this.#expected === 'reply' && version === socks5Version && reply !== 0 ? { why: 'reply', reply } : undefined;
  }

  #takeMethod(version: number, method: number): Socks5ClientStep {
    if (version !== socks5Version) return failed({ why: 'protocol', message: 'the answer is no SOCKS5' });
    if (method === socks5Methods.none) return this.#request();
    if (method === socks5Methods.password && this.#credentials !== undefined) {
      return this.#want('password-status', 2, encodePassword(this.#credentials));
    }
    // One that insists on a password may say so although none was offered.
    if (method === socks5Methods.noneAcceptable || method === socks5Methods.password) {
      const wanted =
        this.#credentials === undefined ? 'wants a user name and password' : 'accepts no user name and password';
      return failed({ why: 'auth', message: `the proxy ${wanted}` });
    }
    return failed({ why: 'protocol', message: `the proxy chose method ${method}, which was not offered` });
  }

  #request(): Socks5ClientStep {
    const address = encodeSocksAddress(this.#target);
    return this.#want('reply', 4, Uint8Array.of(socks5Version, this.#command, 0, ...address));
  }

  #takeReply(version: number, reply: number, type: number): Socks5ClientStep {
    if (version !== socks5Version) return failed({ why: 'protocol', message: 'the reply is no SOCKS5' });
    if (reply !== 0) return failed({ why: 'reply', reply });
    this.#bound = Uint8Array.of(type);
    if (type === addressTypes.ipv4) return this.#want('bound-rest', 6);
    if (type === addressTypes.ipv6) return this.#want('bound-rest', 18);
    if (type === addressTypes.name) return this.#want('bound-name-length', 1);
    return failed({ why: 'protocol', message: `the reply has the unknown address type ${type}` });
  }

  #want(expected: Expected, bytes: number, send: Uint8Array = new Uint8Array()): Socks5ClientStep {
    this.#expected = expected;
    return { kind: 'want', send, bytes };
  }
}

/** A name that cannot be one is as good as no address: nobody needs it after CONNECT. */
function readBound(bytes: Uint8Array): Endpoint {
  const parsed = parseSocksAddress(bytes);
  if (parsed.kind === 'ok' && parsed.value !== 'unsupported') return parsed.value;
  return { host: '0.0.0.0', port: ((bytes.at(-2) ?? 0) << 8) | (bytes.at(-1) ?? 0) };
}

function failed(failure: Socks5ClientFailure): Socks5ClientStep {
  return { kind: 'failed', failure };
}

function encodePassword({ username, password }: Credentials): Uint8Array {
  const user = new TextEncoder().encode(username);
  const secret = new TextEncoder().encode(password);
  if (user.length > 255 || secret.length > 255) throw new RangeError('user name and password have up to 255 bytes');
  return Uint8Array.of(1, user.length, ...user, secret.length, ...secret);
}
