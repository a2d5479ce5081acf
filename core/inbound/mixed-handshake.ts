/**
 * The conversation at the start of a connection to the mixed port: SOCKS5, SOCKS4(a) or HTTP, told apart by the first
 * byte. Bytes in, bytes out; whoever has the socket sends and connects.
 */
import { GrowingBytes } from '../base/growing-bytes.ts';
import type { ErrorCode } from '../contract/error.ts';
import type { Endpoint } from '../contract/flow.ts';
import {
  encodeConnectEstablished,
  type ForwardedHead,
  readBasicCredentials,
  readHttpProxyRequest,
} from '../net/http-connect.ts';
import { encodeHttpError, readerOf } from '../net/http-error.ts';
import { emptyLinesLength, isHeadWorthReading, maxHttpHead } from '../net/http-fields.ts';
import { parseHttpRequest } from '../net/http-request.ts';
import type { Parsed } from '../net/parsed.ts';
import { encodeSocks4Reply, parseSocks4Request, socks4Version } from '../net/socks4.ts';
import {
  type Credentials,
  encodeSocks5Method,
  encodeSocks5PasswordStatus,
  encodeSocks5Reply,
  parseSocks5Greeting,
  parseSocks5Password,
  parseSocks5Request,
  socks5Commands,
  socks5Methods,
  socks5Replies,
  socks5Version,
} from '../net/socks5.ts';
import { httpStatusOf, proxyErrorOf, socks5ReplyOf } from './dial-reply.ts';
import type { UserList } from './user-list.ts';

export interface ProxyRequest {
  readonly protocol: 'socks5' | 'socks4' | 'http-connect' | 'http';
  readonly destination: Endpoint;
  /** Empty where nobody needs to sign in. */
  readonly user: string;
  /** That our own app asks for in place of the rules. */
  readonly policy?: string;
  /** For the client once it is connected; may be empty. */
  readonly granted: Uint8Array;
  /** For the client when it cannot be connected. */
  refusal(code: ErrorCode, message: string): Uint8Array;
  /** Of a plain HTTP request. */
  readonly forward?: ForwardedHead;
  /** Received behind the handshake; the first bytes of the stream. */
  readonly rest: Uint8Array;
}

export type HandshakeStep =
  | { readonly kind: 'more'; readonly send: Uint8Array }
  | { readonly kind: 'request'; readonly send: Uint8Array; readonly request: ProxyRequest }
  /** A SOCKS5 client wants a relay for datagrams, for as long as its connection lives. */
  | { readonly kind: 'associate'; readonly send: Uint8Array; readonly user: string }
  /** Send this and end the connection. */
  | { readonly kind: 'refused'; readonly send: Uint8Array; readonly reason: string };

type Expected =
  | 'first-byte'
  | 'socks5-greeting'
  | 'socks5-password'
  | 'socks5-request'
  | 'socks4-request'
  | 'http-request';
/** What reading one message led to: an outcome, bytes to send and go on, or undefined for more bytes. */
type Turn = { outcome: (rest: Uint8Array) => HandshakeStep } | { reply: Uint8Array; next: Expected } | undefined;

const nothing: Uint8Array = new Uint8Array();

export class MixedHandshake {
  readonly #users: UserList;
  #expected: Expected;
  readonly #received = new GrowingBytes();
  /** Bytes among which the end of an HTTP head was looked for. */
  #searched = 0;
  #user = '';
  #policy: string | undefined;

  /** `next`: a further request on a connection that has spoken HTTP. */
  constructor(users: UserList, place: 'first' | 'next' = 'first') {
    this.#users = users;
    this.#expected = place === 'first' ? 'first-byte' : 'http-request';
  }

  /** Takes received bytes; not to be called again after `request` or `refused`. The split of the bytes does not matter. */
  push(chunk: Uint8Array): HandshakeStep {
    this.#received.push(chunk);
    let send = nothing;
    for (;;) {
      const turn = this.#read();
      if (turn === undefined) return { kind: 'more', send };
      if ('outcome' in turn) {
        const step = turn.outcome(this.#received.bytes);
        return { ...step, send: Buffer.concat([send, step.send]) };
      }
      send = Buffer.concat([send, turn.reply]);
      this.#expected = turn.next;
    }
  }

  #read(): Turn {
    switch (this.#expected) {
      case 'first-byte': {
        const next = protocolOf(this.#received.bytes[0]);
        return next && { reply: nothing, next };
      }
      case 'socks5-greeting':
        return this.#take(parseSocks5Greeting(this.#received.bytes), nothing, (methods) => this.#chooseMethod(methods));
      case 'socks5-password':
        return this.#take(
          parseSocks5Password(this.#received.bytes),
          encodeSocks5PasswordStatus(false),
          (credentials) => {
            const admitted = this.#users.admits(credentials);
            const reply = encodeSocks5PasswordStatus(admitted);
            if (admitted) this.#note(credentials);
            return admitted ? { reply, next: 'socks5-request' } : refuse(reply, 'wrong user name or password');
          },
        );
      case 'socks5-request':
        return this.#take(
          parseSocks5Request(this.#received.bytes),
          encodeSocks5Reply(socks5Replies.generalFailure),
          (request) => {
            // The client's own address in it is often wrong, or that of a target: only its datagrams tell it.
            if (request.command === socks5Commands.udpAssociate) {
              const user = this.#user;
              return { outcome: () => ({ kind: 'associate', send: nothing, user }) };
            }
            if (request.command !== socks5Commands.connect) {
              return refuse(encodeSocks5Reply(socks5Replies.commandNotSupported), `SOCKS5 command ${request.command}`);
            }
            if (request.destination === 'unsupported') {
              return refuse(encodeSocks5Reply(socks5Replies.addressTypeNotSupported), 'unknown address type');
            }
            return this.#accept('socks5', request.destination, encodeSocks5Reply(socks5Replies.succeeded), (code) =>
              encodeSocks5Reply(socks5ReplyOf(code)),
            );
          },
        );
      case 'socks4-request':
        return this.#take(parseSocks4Request(this.#received.bytes), encodeSocks4Reply(false), (request) => {
          if (request.command !== 1) return refuse(encodeSocks4Reply(false), `SOCKS4 command ${request.command}`);
          if (!this.#users.open) return refuse(encodeSocks4Reply(false), 'SOCKS4 has no passwords');
          return this.#accept('socks4', request.destination, encodeSocks4Reply(true), () => encodeSocks4Reply(false));
        });
      case 'http-request':
        return this.#readHttp();
    }
  }

  #chooseMethod(offered: readonly number[]): Turn {
    // Who offers nothing but a password is asked for it, needed or not: some clients always send theirs.
    const acceptable = this.#users.open ? [socks5Methods.none, socks5Methods.password] : [socks5Methods.password];
    const method = acceptable.find((each) => offered.includes(each));
    if (method === undefined) {
      return refuse(encodeSocks5Method(socks5Methods.noneAcceptable), 'no acceptable SOCKS5 method was offered');
    }
    return {
      reply: encodeSocks5Method(method),
      next: method === socks5Methods.none ? 'socks5-request' : 'socks5-password',
    };
  }

  #readHttp(): Turn {
    const empty = emptyLinesLength(this.#received.bytes);
    this.#received.drop(empty);
    const { bytes } = this.#received;
    const searched = Math.max(this.#searched - empty, 0);
    this.#searched = bytes.length;
    if (!isHeadWorthReading(bytes, searched)) return undefined;
    const parsed = parseHttpRequest(bytes);
    if (parsed.kind === 'more') return undefined;
    const status = bytes.length >= maxHttpHead ? 431 : 400;
    const error = 'http_request_error';
    const malformed = encodeHttpError(status, parsed.kind === 'bad' ? parsed.message : '', { error });
    return this.#take(parsed, malformed, (head) => {
      const reader = readerOf(head);
      const credentials = readBasicCredentials(head);
      this.#policy = this.#users.policyOf(credentials);
      if (this.#policy === undefined && !this.#users.admits(credentials)) {
        const wanted = encodeHttpError(407, 'a user name and password are needed', { reader });
        return refuse(wanted, 'wrong user name or password');
      }
      if (credentials !== undefined && this.#policy === undefined) this.#note(credentials);
      const request = readHttpProxyRequest(head);
      if (request.kind === 'refused') {
        return refuse(encodeHttpError(request.status, request.message, { reader, error }), request.message);
      }
      const { host } = request.destination;
      const refusal = (code: ErrorCode, message: string): Uint8Array =>
        encodeHttpError(httpStatusOf(code), `${message} (${code})`, { reader, host, error: proxyErrorOf(code) });
      switch (request.kind) {
        case 'connect':
          return this.#accept('http-connect', request.destination, encodeConnectEstablished(), refusal);
        case 'forward':
          return this.#accept('http', request.destination, nothing, refusal, request.forward);
      }
    });
  }

  /** Who has signed in; a name that nobody asked for proves nothing. */
  #note({ username }: Credentials): void {
    if (!this.#users.open) this.#user = username;
  }

  #accept(
    protocol: ProxyRequest['protocol'],
    destination: Endpoint,
    granted: Uint8Array,
    refusal: ProxyRequest['refusal'],
    forward?: ProxyRequest['forward'],
  ): Turn {
    const request = {
      protocol,
      destination,
      user: this.#user,
      granted,
      refusal,
      ...(this.#policy === undefined ? {} : { policy: this.#policy }),
      ...(forward === undefined ? {} : { forward }),
    };
    return { outcome: (rest) => ({ kind: 'request', send: nothing, request: { ...request, rest } }) };
  }

  /** Removes what was read and goes on with it; something malformed is refused with `malformed`. */
  #take<T>(parsed: Parsed<T>, malformed: Uint8Array, then: (value: T) => Turn): Turn {
    switch (parsed.kind) {
      case 'more':
        return undefined;
      case 'bad':
        return refuse(malformed, parsed.message);
      case 'ok':
        this.#received.drop(parsed.used);
        return then(parsed.value);
    }
  }
}

function protocolOf(first: number | undefined): Expected | undefined {
  if (first === undefined) return undefined;
  if (first === socks5Version) return 'socks5-greeting';
  return first === socks4Version ? 'socks4-request' : 'http-request';
}

function refuse(send: Uint8Array, reason: string): Turn {
  return { outcome: () => ({ kind: 'refused', send, reason }) };
}
