/**
 * What the native addon offers, written by hand: the contract between `core/system/native.ts` (the only
 * file that loads the addon) and the Rust sources beside this file. All addresses are textual IPv4 or IPv6
 * without zone or brackets; ports and marks are numbers; times are milliseconds; counters are bytes.
 *
 * Errors of the synchronous functions are thrown as `Error` with a `code` property (an errno name such as
 * `EPERM`, or `EINVAL` for an argument that cannot be understood).
 */

export * from './machine.js';

export interface NativeEndpoint {
  address: string;
  port: number;
}

/** One address to try and the interface its socket is bound to (`null` = not bound: loopback, own addresses). */
export interface Hop {
  address: string;
  device: string | null;
}

export interface EngineOptions {
  /** Interface name, 1 to 15 bytes. Creation fails with `EBUSY` when it exists already. */
  name: string;
  mtu: number;
  /** Ask the kernel for segmentation offloads (falls back by itself when it refuses them). */
  gso: boolean;
  queueLength: number;
  /** The interface's own IPv4 address, set as /32. */
  address4: string;
  /** The DNS server's IPv4 address inside the TUN; also the source address of the engine's own redirected packets. */
  peer4: string;
  /**
   * The interface's own IPv6 address, set as /126; `null` on machines without IPv6. The other host of the /126 is the far end,
   * the source of the engine's own redirected packets.
   */
  address6: string | null;
  /**
   * The IPv6 destinations whose flows are carried, as prefixes; flows to all others are answered with ICMPv6 "no route", except
   * questions to port 53.
   */
  carried6: string[];
  /** SO_MARK of every socket the engine opens (0 = none). */
  mark: number;
  /** Flows that may wait for a verdict at once; beyond it the oldest is dropped. */
  maxHeld: number;
  dnsHijack: DnsHijack;
}

/** Prefixes of DNS servers, and of those among them that are spared. */
export interface DnsServers {
  taken: string[];
  spared: string[];
}

/**
 * Whose questions to port 53 are told by `dns` events; to the DNS server's own address (`peer4`) all are. Others are flows, and so
 * is what comes to port 53 of those servers and is not a question that any resolver could answer: no DNS at all, an update, a
 * zone transfer, a class other than IN, a question without recursion. A connection of that kind is accepted already when its
 * flow opens.
 */
export interface DnsHijack {
  udp: DnsServers;
  tcp: DnsServers;
}

export type DialFailure =
  | 'refused' // RST from the first hop, or SOCKS reply 5
  | 'network-unreachable' // ENETUNREACH, the hop's interface is gone or down, or SOCKS reply 3
  | 'host-unreachable' // EHOSTUNREACH, or SOCKS reply 4
  | 'timeout' // nothing came back in time, or SOCKS reply 6 (TTL expired)
  | 'proxy-refused' // the port of the proxy, the first or a later one, refused the connection
  | 'proxy-unreachable' // a proxy could not be reached (unreachable or timed out)
  | 'proxy-auth' // the proxy refused the user name or password, or wants one
  | 'proxy-denied' // SOCKS reply 2: not allowed by the proxy's rules
  | 'proxy-failed' // SOCKS reply 1, 7, 8 or an answer that is no SOCKS5
  | 'tls-expired' // the server's certificate: expired
  | 'tls-not-yet-valid'
  | 'tls-name' // for another name
  | 'tls-unknown-issuer'
  | 'tls-fingerprint' // not the one with the fingerprint
  | 'tls-certificate' // not good for another reason
  | 'tls-client-certificate' // the server wants one, or does not take ours
  | 'tls-failed' // anything else of TLS
  | 'io'; // anything else; `message` says what

export type CloseReason =
  | 'done' // both directions ended by FIN
  | 'reset-by-client'
  | 'reset-by-remote'
  | 'unreadable' // the remote side has said what a layer cannot read
  | 'closed' // by `close()`
  | 'rejected' // by verdict
  | 'idle' // no packet for 125 min (TCP; 30 min when half-closed), UDP: 60 s (120 s once answered, 300 s after 3 datagrams each way)
  | 'dropped' // gave way in the table of held flows, or was not decided within 60 s
  | 'gave-way' // UDP: ended to make room, because its program, or all together, had too many
  | 'abandoned' // the client gave up (RST, or its next SYN is overdue: 4 s after the first) before it was accepted
  | 'rerouted' // its way out is gone, or (by `review()`) no longer the kernel's choice
  | 'stopped'; // the engine was stopped

/** One address of a dial. Milliseconds: `begun` since the dial began, `took` since then. `unanswered`: another answered first, or the time was over. */
export interface DialAttempt {
  address: string;
  begun: number;
  took: number;
  end: 'connected' | 'unanswered' | DialFailure;
}

export type EngineEvent =
  /**
   * A new flow; it is held until `decide`. `slot` is its place in `counters()` until its `close` event. Of flows that
   * come faster than they are taken some are told at a time, users in turn.
   */
  | {
      kind: 'open';
      id: number;
      slot: number;
      network: 'tcp' | 'udp';
      source: NativeEndpoint;
      destination: NativeEndpoint;
      /** DSCP of the first packet (RFC 2474), 0 to 63. */
      trafficClass: number;
    }
  /** The outcome of verdict `dial`. On failure the flow is held again: decide again. `address` is the peer of the outward socket. `attempts`: where the first address did not answer at once. */
  | { kind: 'dialed'; id: number; ok: true; address: string; ms: number; attempts?: DialAttempt[] }
  | {
      kind: 'dialed';
      id: number;
      ok: false;
      failure: DialFailure;
      /** The place of the layer that failed; absent if it was the connection itself. */
      layer?: number;
      message: string;
      ms: number;
      attempts?: DialAttempt[];
    }
  /**
   * The outcome of verdict `peek`: what the client has sent so far, unread (it still goes to wherever the flow goes). TCP: one
   * chunk, at most 32 KiB; UDP: the datagrams since the flow began, oldest first, at most 16. The flow is held again: decide
   * again. `reason`: `bytes` = at least `atLeast` are there; `end` = the client has sent FIN, or no more fits; `timeout`.
   */
  | { kind: 'peeked'; id: number; chunks: Buffer[]; reason: 'bytes' | 'end' | 'timeout'; ms: number }
  /** The end of a flow, exactly one for each `open`. `firstByteMs`: from its opening to the first byte that came back. `up` and `down` are the payload bytes that reached the far side and the client. */
  | { kind: 'close'; id: number; up: number; down: number; firstByteMs?: number; reason: CloseReason }
  /**
   * Questions to port 53 of the servers in `dnsHijack`, by UDP or (each one message of a) TCP connection, as many as have come
   * meanwhile. The token of a question is `firstToken` plus its place. In `questions` they lie back to back, integers
   * little-endian unless said: u32 length of the message; u8 protocol (6 TCP, 17 UDP); u8 IP family (4, 6); u16 source port; u16
   * destination port; 6 bytes unused; 16 bytes source and 16 bytes destination address in network order (IPv4: the first 4); the
   * message without length prefix.
   */
  | { kind: 'dns'; firstToken: number; count: number; questions: Buffer }
  /**
   * A program pings an address (ICMP or ICMPv6 echo): asked once for each pair of addresses and again after 5 minutes. Up to 16
   * requests are held for 10 s until `decideEcho`; nothing else is told of them.
   */
  | { kind: 'echo'; id: number; source: string; destination: string }
  /** TCP connections that were refused since the last such event, told once a second at most; see `tcpRefused`. */
  | { kind: 'crowded'; refused: number }
  /**
   * The engine stopped by itself; every flow was closed before. `revivable`: an internal fault; the device is still there, its
   * packets wait, and `revive` may be called. Otherwise the device is gone.
   */
  | { kind: 'dead'; message: string; revivable: boolean };

/**
 * What is spoken over the socket: a handshake with a proxy, which is over before the flow's first byte and leads on to its target (the
 * flow's, or the next proxy), ora layer that stays: TLS, Shadowsocks, Trojan.
 */
export type Layer =
  /** `targetHost` (name or address) and `targetPort` are what it is asked for; for UDP by UDP ASSOCIATE. */
  | { protocol: 'socks5'; username?: string; password?: string; targetHost: string; targetPort: number }
  /** `request` is the whole head of a CONNECT request. Not for UDP: such a flow is refused. */
  | { protocol: 'http-connect'; request: Uint8Array }
  /**
   * TLS, which stays for the flow's life; what follows is spoken in it. `fingerprint`: SHA-256 (32 bytes) of the certificate that is
   * believed, or of an authority's that is shown; `insecure`: any is. `certificate` and `key`: PEM of our own.
   */
  | {
      protocol: 'tls';
      serverName: string;
      insecure: boolean;
      fingerprint?: Uint8Array;
      certificate?: string;
      key?: string;
      /** Protocols that are offered (RFC 7301), the best first. */
      alpn?: string[];
    }
  /**
   * Shadowsocks (SIP004, SIP022), which stays as well and says nothing before the flow's first bytes, or 10 ms. `key` and
   * `identities` (of servers that lead to the user's, the nearest first; at most 8, SIP023) have the length of the method.
   */
  | {
      protocol: 'shadowsocks';
      method: string;
      key: Uint8Array;
      identities: Uint8Array[];
      targetHost: string;
      targetPort: number;
    }
  /** Trojan, likewise; spoken in TLS. `key`: SHA-224 of the password in hexadecimal digits. */
  | { protocol: 'trojan'; key: string; targetHost: string; targetPort: number }
  /**
   * A WebSocket (RFC 6455), or with `framed: false` its handshake alone. `head` is that of the request without its key and its empty
   * line. It has no half-close: with the program's end the server ends as well.
   */
  | { protocol: 'web-socket'; head: Uint8Array; framed: boolean };

export type Verdict =
  /**
   * Dial natively and relay; the SYN is answered when the dial has succeeded. Without a layer the hops are the target's addresses
   * and `port` its port; with some they are the first proxy's. At most 32, each spoken through those before.
   */
  | { kind: 'dial'; hops: Hop[]; port: number; layers: Layer[]; timeoutMs: number }
  /**
   * `reset`: RST, for UDP ICMP port unreachable. `no-route` and `unreachable`: ICMP network and host unreachable, for UDP by codes
   * of which a socket hears. `drop`: silence.
   */
  | { kind: 'reject'; how: 'reset' | 'no-route' | 'unreachable' | 'drop' }
  /**
   * TCP: accept now and wait for `atLeast` bytes; UDP: wait for `atLeast` datagrams. Answered by `peeked`. After it a dial's
   * failure can only be told by RST. Allowed again after `peeked`.
   */
  | { kind: 'peek'; atLeast: number; timeoutMs: number };

/**
 * `direct`: requests go to the first hop that has a way, with their hop limit; replies and ICMP errors come back as if from
 * `destination`, or from whoever sent the error. `refuse`: ICMP "administratively prohibited", "network" or "host unreachable", or
 * silence.
 */
export type EchoVerdict =
  | { kind: 'direct'; hops: Hop[] }
  | { kind: 'refuse'; how: 'prohibited' | 'no-route' | 'unreachable' | 'silence' };

export interface EngineMetrics {
  offloads: string; // e.g. "csum,tso4,tso6,tso_ecn"
  packetsIn: number;
  packetsOut: number;
  bytesIn: number;
  bytesOut: number;
  dropped: number; // packets not understood or without a flow
  held: number;
  tcpFlows: number;
  tcpRefused: number; // connections refused because nothing was left, and nobody had more than their user
  tcpGaveWay: number; // connections reset for a user who had fewer
  udpFlows: number;
  udpSockets: number; // descriptors of outward UDP sockets
  udpGaveWay: number; // UDP flows ended early because their program, or all together, had too many
  udpRefused: number; // datagrams that opened no flow for the same reason
  /** Datagrams of UDP servers on this machine to somebody who spoke first: sent on as without us, no flow. */
  udpAnswers: number;
  /** Whether the kernel tells (bpf(2)). Otherwise such datagrams are flows. */
  knowsAnswers: boolean;
}

/**
 * Owns the TUN device and every flow through it, on threads of its own. Knows no rules: asks once per flow.
 * The constructor creates the device, sets its addresses, MTU and queue length and brings it up; it changes no routes.
 */
export class Engine {
  /** `onEvents` is called on the JavaScript thread with batches in order; it never throws back into the engine. */
  constructor(options: EngineOptions, onEvents: (events: EngineEvent[]) => void);
  /** Interface name and index of the device in use. */
  device(): { name: string; index: number };
  /** A verdict for an unknown or ended flow is ignored. Throws `EINVAL` for one that makes no sense. */
  decide(id: number, verdict: Verdict): void;
  /** A verdict for an unknown or decided id is ignored. */
  decideEcho(id: number, verdict: EchoVerdict): void;
  /**
   * `graceful` sends FIN both ways after what is queued; `reset` sends RST both ways. Unknown flows are ignored. A held flow
   * is refused either way.
   */
  close(id: number, how: 'graceful' | 'reset'): void;
  /**
   * Answers questions, each once; unknown tokens are ignored. The answers lie back to back, little-endian: f64 token, u32 length,
   * the message. Throws `EINVAL` when the last one is not whole, and answers none then. UDP answers longer than the path allows
   * are the caller's concern.
   */
  answerDns(answers: Uint8Array): void;
  /** Replaces `carried6`. Flows that are carried already go on. */
  carry6(prefixes: string[]): void;
  /** The device has this MTU now: what programs are sent fits it. Set it on the device first. Flows go on. */
  setMtu(mtu: number): void;
  /** Replaces `dnsHijack`. */
  hijackDns(servers: DnsHijack): void;
  /**
   * The machine's network has changed: resets, both ways, the TCP flows whose outward socket has a source address that is not
   * the machine's any more, or would now leave by another interface or none; ends such UDP flows, without a word to the program.
   * Pings that would leave by another are decided anew. Some flows at each turn of its thread: packets do not wait. Called again before it is through, it goes through all once more.
   */
  review(): void;
  /**
   * Shared memory. Two entries per slot: bytes up at 2*slot, bytes down at 2*slot+1. In its last third, one per slot: the milliseconds
   * from the opening to the first byte that came back, and one; 0 before. The same array at each call.
   */
  counters(): BigUint64Array;
  metrics(): EngineMetrics;
  /**
   * To be called after each call of `onEvents`, once what else waits for the thread has had its turn: before that no events
   * are told, or a busy engine would keep the event loop from everything else.
   */
  ready(): void;
  /**
   * After `dead` with `revivable`: another engine takes over the device as it is. Throws `ENOENT` if there is none to be had.
   * What `carry6`, `hijackDns` and `setMtu` said last holds.
   */
  revive(): void;
  /**
   * Resets every flow, removes the device, ends the thread. Returns when all is gone; the last events (`close` with `stopped`)
   * are still delivered after it. Later calls do nothing. A running engine keeps Node alive until then.
   */
  stop(): void;
}

/** A dial for a stream of JavaScript, as `Verdict` `dial`. */
export interface StreamPlan {
  hops: Hop[];
  port: number;
  layers: Layer[];
  timeoutMs: number;
  /**
   * For datagrams by the last layer: SOCKS5 is asked for a UDP relay, and the stream is its control connection. Of Trojan and (as the
   * only layer) Shadowsocks the stream carries the datagrams both ways, framed as Trojan does: address as of SOCKS5, length (16 bits,
   * big-endian), CR LF, payload.
   */
  associate: boolean;
}

export type StreamOutcome =
  | {
      ok: true;
      /** Connected and non-blocking, the caller's. A TCP socket; where a layer stays, one end of a pair (AF_UNIX). */
      fd: number;
      /** Where the outward socket leads, and its own address. */
      address: string;
      local: string;
      /** What the last SOCKS5 reply says. */
      boundHost?: string;
      boundPort?: number;
    }
  /** `layer`: the place of the layer that failed; absent if it was the connection itself. */
  | { ok: false; failure: DialFailure; layer?: number; message: string };

/**
 * Opens an outward stream, trying the hops as RFC 8305 does (250 ms apart), and speaks the layers. Rejects with EINVAL only. Any
 * number may be under way at once; they use neither libuv's pool nor a thread each.
 */
export function openStream(plan: StreamPlan, mark: number): Promise<StreamOutcome>;

/** A stream that has been opened and waits for its client. */
export type KeptOutcome = (
  | {
      ok: true;
      /** What it is known by: a number of its own. */
      stream: number;
      /** Where the outward socket leads, and its own address. */
      address: string;
      local: string;
    }
  | { ok: false; failure: DialFailure; layer?: number; message: string }
) & {
  /** Milliseconds that the dial took. */
  ms: number;
  /** Where the first address did not answer at once. */
  attempts?: DialAttempt[];
};

/**
 * Opens an outward stream as `openStream` does, and keeps it for `CarriedStream`: 30 s, then it is closed. Rejects with EINVAL only.
 */
export function keepStream(plan: Omit<StreamPlan, 'associate'>, mark: number): Promise<KeptOutcome>;

/**
 * Ends a stream that is kept or carried: `graceful` sends FIN both ways after what is on its way, `reset` RST, and so does `rerouted`,
 * which says why. One that is kept is closed. Others are ignored.
 */
export function closeStream(stream: number, how: 'graceful' | 'reset' | 'rerouted'): void;

/**
 * Carries the bytes between a client and a stream that was kept, on the thread of `openStream`; half-closes and resets are passed on. It is
 * given up as a flow is (`idle`).
 */
export class CarriedStream {
  /**
   * `client`: a connected stream socket; it is copied, and the descriptor stays the caller's, who closes it and reads no more from
   * it. `first`: what was read of it already. A stream that is not kept any more ends at once with `stopped`, and the client by RST.
   * Throws EBADF.
   */
  constructor(stream: number, client: number, first: Uint8Array);
  /** Payload bytes that the far side and the client have taken; milliseconds from the beginning to the first byte that came back. */
  bytes(): { up: number; down: number; firstByteMs?: number };
  /** Its end, also after it. To be called once. */
  ended(): Promise<{ up: number; down: number; firstByteMs?: number; reason: CloseReason }>;
}
