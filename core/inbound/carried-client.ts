/**
 * A client of the mixed port whose bytes nobody has to read: once it is connected, its socket goes to the data plane, which carries
 * them. Until then, and if it goes away or is turned away, the socket is JavaScript's.
 */
import type { Socket } from 'node:net';
import { AppError } from '../base/app-error.ts';
import type { DialPlan } from '../flow/dial-plan.ts';
import type { CarriedBytes, FlowCarrier } from '../flow/flow-carrier.ts';
import type { CarriedStream, KeptOutcome, KeptStream, StreamKeeper } from '../flow/kept-stream.ts';
import type { DispatchedFlow } from './inbound.ts';

export interface CarriedClientOptions {
  readonly socket: Socket;
  readonly keeper: StreamKeeper;
  readonly flow: DispatchedFlow;
  /** Said to the client once it is connected. */
  readonly granted: Uint8Array;
  /** Ends the client with a word in its protocol. */
  readonly turnAway: (error: AppError) => void;
  /** The socket is the data plane's from now on. To be called: what is returned, when that has ended. */
  readonly handedOver: (carrier: FlowCarrier) => () => void;
  /** Milliseconds by a steady clock. */
  readonly monotonic: () => number;
}

export class CarriedClient implements FlowCarrier {
  readonly kind = 'stream';
  readonly #options: CarriedClientOptions;
  /** Aborted when it is over before it was handed over. */
  readonly #dialing = new AbortController();
  readonly #began: number;
  #stream: CarriedStream | undefined;
  /** Milliseconds from the beginning until it was handed over. */
  #before = 0;

  constructor(options: CarriedClientOptions) {
    this.#options = options;
    this.#began = options.monotonic();
  }

  /** Dials, tells the client, and hands its socket over. Never rejects. */
  async run(dial: DialPlan): Promise<void> {
    const { keeper, flow, socket } = this.#options;
    const gone = (): void => this.#dialing.abort(new AppError('DIAL_IO', 'the client has gone'));
    socket.once('close', gone);
    const outcome = await keeper.keepStream(dial, this.#dialing.signal).catch((caught: unknown): KeptOutcome => {
      const { code, message } = AppError.from(caught, 'DIAL_IO');
      return { ok: false, code, message, ms: this.#options.monotonic() - this.#began };
    });
    socket.off('close', gone);
    if (this.#dialing.signal.aborted) {
      if (outcome.ok) outcome.stream.giveUp();
      return;
    }
    flow.dialed(outcome);
    if (outcome.ok) await this.#answer(outcome.stream);
  }

  bytes(): CarriedBytes {
    return this.#stream === undefined ? { up: 0, down: 0 } : this.#sinceBegin(this.#stream.bytes());
  }

  close(how: 'graceful' | 'reset'): void {
    if (this.#stream !== undefined) return this.#stream.close(how);
    if (this.#dialing.signal.aborted) return;
    const error = new AppError('DIAL_REJECTED', 'the connection was closed by hand');
    this.#dialing.abort(error);
    this.#options.turnAway(error);
    this.#options.flow.ended({ up: 0, down: 0, reason: 'closed' });
  }

  /** What the client is told has to be on its way before anybody else writes to its socket. */
  async #answer(kept: KeptStream): Promise<void> {
    const { socket, granted, flow, handedOver } = this.#options;
    const isWritten = granted.length === 0 || (await written(socket, granted));
    const descriptor = descriptorOf(socket);
    if (this.#dialing.signal.aborted) return kept.giveUp();
    if (!isWritten || descriptor === undefined) {
      kept.giveUp();
      socket.destroy();
      return flow.ended({ up: 0, down: 0, reason: 'reset-by-client' });
    }
    // From here to `destroy` nothing else runs: what the loop has not read is still the kernel's.
    const first: Uint8Array[] = [];
    for (let chunk: unknown = socket.read(); chunk instanceof Uint8Array; chunk = socket.read()) first.push(chunk);
    const stream = this.#carry(kept, descriptor, Buffer.concat(first));
    if (stream === undefined) return flow.ended({ up: 0, down: 0, reason: 'closed' });
    this.#before = this.#options.monotonic() - this.#began;
    this.#stream = stream;
    const over = handedOver(this);
    socket.destroy();
    const end = await stream.ended;
    over();
    flow.ended({ ...this.#sinceBegin(end), reason: end.reason });
  }

  /** Undefined, with both sides reset, where no descriptor is left. */
  #carry(kept: KeptStream, descriptor: number, first: Uint8Array): CarriedStream | undefined {
    try {
      return kept.carry(descriptor, first);
    } catch {
      kept.giveUp();
      this.#options.socket.resetAndDestroy();
      return undefined;
    }
  }

  #sinceBegin({ up, down, firstByteMs }: CarriedBytes): CarriedBytes {
    return { up, down, firstByteMs: firstByteMs === undefined ? undefined : Math.round(this.#before + firstByteMs) };
  }
}

/** Whether the bytes were taken by the kernel before the socket broke. */
function written(socket: Socket, bytes: Uint8Array): Promise<boolean> {
  return new Promise((resolve) => {
    socket.once('close', () => resolve(false));
    socket.write(bytes, (error) => resolve(error === undefined || error === null));
  });
}

/** Node has no public way to ask; `undefined` once the socket is closed. */
export function descriptorOf(socket: Socket): number | undefined {
  const handle: unknown = Reflect.get(socket, '_handle');
  const descriptor: unknown = typeof handle === 'object' && handle !== null ? Reflect.get(handle, 'fd') : undefined;
  return typeof descriptor === 'number' && descriptor >= 0 ? descriptor : undefined;
}
