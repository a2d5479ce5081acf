/**
 * The client's side of HTTP CONNECT (RFC 9110 section 9.3.6) as bytes. Of the answer only the status counts; header fields are
 * passed over. The engine reads the same answers for flows from the TUN (`native/src/http_connect.rs`); both are held to
 * `native/src/http_connect/answers.txt`. No sockets.
 */
import { formatEndpoint } from '../base/address.ts';
import type { Endpoint } from '../contract/flow.ts';
import type { HandshakeClient, HandshakeStep } from './handshake.ts';
import type { HttpFields } from './http-fields.ts';

export interface ConnectRequestOptions {
  readonly username?: string;
  readonly password?: string;
  /** Besides our own, of which they replace those of the same name. No line breaks in them. */
  readonly headers: HttpFields;
}

export interface HttpConnectFailure {
  /** `unreachable`: the proxy could not get to the target; `protocol`: an answer that says nothing about it, or is no HTTP. */
  readonly why: 'auth' | 'denied' | 'unreachable' | 'timeout' | 'protocol';
  readonly message: string;
}

type Step = HandshakeStep<null, HttpConnectFailure>;

/** Bytes of all heads together, the interim ones included. */
const maxHead = 16_384;
/** What is kept of a status line; what is told of the words in it. */
const maxStatusLine = 256;
const maxWords = 80;

const wantByte: Step = { kind: 'want', send: new Uint8Array(), bytes: 1 };
const cutShort = protocolFailure('the proxy closed the connection during the handshake');

/** The head of a request for a connection to `to`, a name as it is. The user name and password are sent unasked (RFC 7617). */
export function encodeConnectRequest(to: Endpoint, options: ConnectRequestOptions): Uint8Array {
  const { username, password = '', headers } = options;
  const authority = formatEndpoint(to);
  const login =
    username === undefined ? undefined : `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
  const own: HttpFields = [
    ['Host', authority],
    ['Proxy-Connection', 'Keep-Alive'],
  ];
  const given = headers.filter(([name]) => login === undefined || name.toLowerCase() !== 'proxy-authorization');
  const isGiven = (name: string): boolean => given.some(([other]) => other.toLowerCase() === name.toLowerCase());
  const fields = [...own.filter(([name]) => !isGiven(name)), ...given];
  if (login !== undefined) fields.push(['Proxy-Authorization', login]);
  const lines = [`CONNECT ${authority} HTTP/1.1`, ...fields.map(([name, value]) => `${name}: ${value}`)];
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n`);
}

export class HttpConnectClient implements HandshakeClient<null, HttpConnectFailure> {
  readonly #request: Uint8Array;
  #part: 'status' | 'interim-fields' | 'final-fields' = 'status';
  /** The line under way, its beginning only, one character a byte. */
  #line = '';
  #lineLength = 0;
  #taken = 0;

  constructor(request: Uint8Array) {
    this.#request = request;
  }

  start(): Step {
    return { kind: 'want', send: this.#request, bytes: 1 };
  }

  take(bytes: Uint8Array): Step {
    let step = wantByte;
    for (const byte of bytes) step = this.#takeByte(byte);
    return step;
  }

  ended(received: Uint8Array): HttpConnectFailure {
    const step = this.take(received);
    if (step.kind === 'failed') return step.failure;
    const status = this.#part === 'status' ? parseStatusLine(this.#line) : undefined;
    return status === undefined || (status.code >= 100 && status.code < 300) ? cutShort : refusal(status);
  }

  #takeByte(byte: number): Step {
    this.#taken += 1;
    if (byte === 0x0a) {
      const step = this.#endLine();
      this.#line = '';
      this.#lineLength = 0;
      return step === wantByte ? this.#unlessTooLong() : step;
    }
    this.#lineLength += 1;
    if (this.#line.length < maxStatusLine) this.#line += String.fromCharCode(byte);
    if (this.#part === 'status' && !mayBeginStatus(this.#line)) {
      return failed(protocolFailure('the answer is not HTTP'));
    }
    return this.#unlessTooLong();
  }

  #unlessTooLong(): Step {
    return this.#taken >= maxHead ? failed(protocolFailure('the head of the answer is too long')) : wantByte;
  }

  #endLine(): Step {
    const isEmpty = this.#lineLength === 0 || (this.#lineLength === 1 && this.#line === '\r');
    if (this.#part !== 'status') {
      if (!isEmpty) return wantByte;
      if (this.#part === 'final-fields') return { kind: 'connected', bound: null };
      this.#part = 'status';
      return wantByte;
    }
    // Left over from whatever was before (RFC 9112 section 2.2).
    if (isEmpty) return wantByte;
    const status = parseStatusLine(this.#line);
    if (status === undefined) return failed(protocolFailure('the status line cannot be read'));
    const { code } = status;
    // Interim (RFC 9110 section 15.2); another protocol is nothing that was asked for.
    if (code === 100 || (code > 101 && code < 200)) this.#part = 'interim-fields';
    else if (code >= 200 && code < 300) this.#part = 'final-fields';
    else return failed(refusal(status));
    return wantByte;
  }
}

interface Status {
  readonly code: number;
  readonly words: string;
}

/** Whether this can be the beginning of a status line, or of an empty line before it. */
function mayBeginStatus(line: string): boolean {
  return line === '\r' || 'HTTP/'.startsWith(line.slice(0, 5));
}

function parseStatusLine(line: string): Status | undefined {
  const [, digits, words = ''] = /^HTTP\/[\d.]+ [\t\n\f\r ]*([1-9]\d\d)(?!\d)(.*)$/s.exec(line) ?? [];
  return digits === undefined ? undefined : { code: Number(digits), words: words.trim() };
}

/** The same in `native/src/http_connect.rs`. */
function refusal({ code, words }: Status): HttpConnectFailure {
  const printable = words.replaceAll(/[^\x20-\x7e]/g, '').slice(0, maxWords);
  return { why: whyOf(code), message: `the proxy answered ${code} ${printable}`.trimEnd() };
}

function whyOf(status: number): HttpConnectFailure['why'] {
  switch (status) {
    case 401:
    case 407:
      return 'auth';
    case 403:
    case 405:
    case 451:
      return 'denied';
    // Privoxy says 404 of a name that does not exist, tinyproxy 500 and squid 503 of whatever cannot be reached.
    case 404:
    case 500:
    case 502:
    case 503:
      return 'unreachable';
    case 408:
    case 504:
      return 'timeout';
    default:
      return 'protocol';
  }
}

function protocolFailure(message: string): HttpConnectFailure {
  return { why: 'protocol', message };
}

function failed(failure: HttpConnectFailure): Step {
  return { kind: 'failed', failure };
}
