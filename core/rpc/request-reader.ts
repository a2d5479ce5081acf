/**
 * What a client sends, as the server reads it: small messages whole, large ones (parts, or a frame of their own) only after
 * their method and size were allowed, and then as bytes that are made a value later, in steps.
 */
import { AppError } from '../base/app-error.ts';
import type { Steps } from '../base/steps.ts';
import { type MethodName, methods } from '../contract/rpc.ts';
import { largestMessage, smallMessage } from './client-limits.ts';
import { decodeText, maxFrameBytes, parseJson } from './frame.ts';
import { clientMessageSchema, isMethod } from './message.ts';
import { maxMessageBytes } from './message-stream.ts';
import { checkInSteps } from './sliced-check.ts';
import { assertShallow, parseInSteps } from './sliced-json.ts';

export interface LargeRequest {
  readonly kind: 'large';
  readonly id: number;
  readonly method: MethodName;
  /** The message's value. Throws RPC_BAD_FRAME or RPC_TOO_LARGE. */
  read(): Steps<unknown>;
  /** Gives its bytes back; to be called once, when it was read or is not going to be. */
  release(): void;
}

export type Received =
  | { readonly kind: 'message'; readonly value: unknown }
  | LargeRequest
  /** A large request that is not read; its bytes are passed over. */
  | { readonly kind: 'refused'; readonly id: number; readonly error: AppError };

export interface ReaderServices {
  /** Throws when this client may not send a large message of this method now. */
  readonly admit: (method: MethodName) => void;
  /** Takes room for bytes of large messages; false when there is none. */
  readonly takeBytes: (bytes: number) => boolean;
  readonly giveBytes: (bytes: number) => void;
}

const headerBytes = 4;
/** Bytes in which a large message has to say what it is. */
const openingBytes = 256;
/** Bytes are copied into blocks, so that a message in a million pieces takes no more room than one in a few. */
const blockBytes = 256 * 1024;

/** As `encodeMessage` begins them; nothing else may be large. */
const partOpening = /^\{"kind":"part","last":(true|false),"text":/;
const requestOpening = /^\{"kind":"request","id":(\d{1,15}),"method":"([A-Za-z]{1,64})"/;
const requestInPart = /^"\{\\"kind\\":\\"request\\",\\"id\\":(\d{1,15}),\\"method\\":\\"([A-Za-z]{1,64})\\"/;
const anyPart = '{"kind":"part"';

/** A large message that is under way. */
interface UnderWay {
  readonly id: number;
  readonly method: MethodName;
  readonly frames: { readonly blocks: Buffer[]; readonly partOffset: number | undefined }[];
  bytes: number;
  /** Was refused: what still comes of it is passed over. */
  skipped: boolean;
}

export class RequestReader {
  readonly #services: ReaderServices;
  readonly #header = Buffer.alloc(headerBytes);
  #headerFilled = 0;
  /** Bytes of the frame that are still to come. */
  #left = 0;
  #frameBytes = 0;
  /** The frame's bytes, but of one that is passed over. */
  #blocks: Buffer[] = [];
  #filled = 0;
  #opened = false;
  /** The frame's bytes are not kept. */
  #passesOver = false;
  #message: UnderWay | undefined;
  /** Whether the frame that comes is the last of `#message`. */
  #isLast = false;
  #count = 0;

  constructor(services: ReaderServices) {
    this.#services = services;
  }

  /** Messages that were whole, so far. */
  get count(): number {
    return this.#count;
  }

  /** Whether a message has begun and is not whole. */
  get unfinished(): boolean {
    return this.#headerFilled > 0 || this.#message !== undefined;
  }

  /** Whether what comes is passed over. */
  get passesOver(): boolean {
    return this.#message?.skipped === true;
  }

  /** Gives back what an unfinished message took. */
  dispose(): void {
    if (this.#message !== undefined) this.#giveBack(this.#message);
    this.#message = undefined;
    this.#blocks = [];
  }

  /**
   * Yields what `chunk` completes; consume it whole before the next call. Throws RPC_BAD_FRAME or RPC_TOO_LARGE; the stream
   * has lost its place then and must be closed.
   */
  *push(chunk: Uint8Array): Generator<Received, void, undefined> {
    let offset = 0;
    while (offset < chunk.length) {
      if (this.#headerFilled < headerBytes) {
        offset += this.#readHeader(chunk, offset);
        continue;
      }
      const wanted = this.#opened ? this.#left : Math.min(this.#left, openingBytes - this.#filled);
      const piece = chunk.subarray(offset, offset + wanted);
      this.#keep(piece);
      offset += piece.length;
      this.#left -= piece.length;
      if (!this.#opened && (this.#left === 0 || this.#filled === openingBytes)) {
        const refused = this.#open();
        if (refused !== undefined) yield refused;
      }
      if (this.#left > 0) continue;
      const received = this.#finishFrame();
      if (received !== undefined) yield received;
    }
  }

  #readHeader(chunk: Uint8Array, offset: number): number {
    const piece = chunk.subarray(offset, offset + headerBytes - this.#headerFilled);
    this.#header.set(piece, this.#headerFilled);
    this.#headerFilled += piece.length;
    if (this.#headerFilled < headerBytes) return piece.length;
    const length = this.#header.readUInt32BE(0);
    if (length > maxFrameBytes)
      throw new AppError('RPC_TOO_LARGE', `a frame of ${length} bytes is more than the ${maxFrameBytes} allowed`);
    if (length === 0) throw new AppError('RPC_BAD_FRAME', 'the frame is empty');
    this.#left = length;
    this.#frameBytes = length;
    this.#filled = 0;
    this.#opened = false;
    this.#passesOver = false;
    this.#blocks = [];
    return piece.length;
  }

  #keep(bytes: Uint8Array): void {
    let from = 0;
    while (from < bytes.length) {
      if (this.#passesOver) return;
      const at = this.#filled % blockBytes;
      if (at === 0) this.#blocks.push(Buffer.allocUnsafeSlow(Math.min(blockBytes, this.#frameBytes - this.#filled)));
      const block = this.#blocks.at(-1);
      if (block === undefined) return;
      const piece = bytes.subarray(from, from + block.length - at);
      block.set(piece, at);
      this.#filled += piece.length;
      from += piece.length;
    }
  }

  /** The frame's first bytes are there: what it is, and whether it is taken. */
  #open(): Received | undefined {
    this.#opened = true;
    const opening = this.#blocks[0]?.toString('latin1', 0, openingBytes) ?? '';
    if (opening.startsWith(anyPart)) return this.#openPart(opening);
    if (this.#frameBytes <= smallMessage) return undefined;
    if (this.#message !== undefined) throw new AppError('RPC_BAD_FRAME', 'a large message inside of another');
    return this.#openMessage(requestOpening.exec(opening), undefined);
  }

  #openPart(opening: string): Received | undefined {
    const part = partOpening.exec(opening);
    if (part === null) throw new AppError('RPC_BAD_FRAME', 'a part of a message is malformed');
    const offset = part[0].length;
    this.#isLast = part[1] === 'true';
    if (this.#message === undefined) return this.#openMessage(requestInPart.exec(opening.slice(offset)), offset);
    this.#passesOver = this.#message.skipped;
    return this.#passesOver ? undefined : this.#openFrame(this.#message, offset);
  }

  #openMessage(head: RegExpExecArray | null, partOffset: number | undefined): Received | undefined {
    if (partOffset === undefined) this.#isLast = true;
    const [, id = '', method = ''] = head ?? [];
    if (head === null) throw new AppError('RPC_BAD_FRAME', 'a large message has to begin with kind, id and method');
    if (!isMethod(method)) throw new AppError('RPC_UNKNOWN_METHOD', `there is no method "${method}"`);
    this.#message = { id: Number(id), method, frames: [], bytes: 0, skipped: false };
    try {
      if (this.#frameBytes > largestMessage(method)) throw tooLarge(method);
      this.#services.admit(method);
    } catch (caught) {
      return this.#refuse(this.#message, AppError.from(caught));
    }
    return this.#openFrame(this.#message, partOffset);
  }

  #openFrame(message: UnderWay, partOffset: number | undefined): Received | undefined {
    // Escaped once more as the text of a part, JSON grows by its quotes: by half at the most, in what is allowed.
    if (message.bytes + this.#frameBytes > largestMessage(message.method) * 1.5)
      return this.#refuse(message, tooLarge(message.method));
    if (!this.#services.takeBytes(this.#frameBytes))
      return this.#refuse(message, new AppError('RPC_BUSY', 'other large messages are being read'));
    message.bytes += this.#frameBytes;
    message.frames.push({ blocks: this.#blocks, partOffset });
    return undefined;
  }

  #refuse(message: UnderWay, error: AppError): Received {
    this.#giveBack(message);
    message.skipped = true;
    this.#passesOver = true;
    this.#blocks = [];
    return { kind: 'refused', id: message.id, error };
  }

  #finishFrame(): Received | undefined {
    this.#headerFilled = 0;
    const message = this.#message;
    const belongs = this.#passesOver || message?.frames.at(-1)?.blocks === this.#blocks;
    if (message === undefined || !belongs) {
      this.#count += 1;
      return { kind: 'message', value: this.#readSmall() };
    }
    if (!this.#isLast) return undefined;
    this.#message = undefined;
    this.#count += 1;
    return message.skipped ? undefined : this.#large(message);
  }

  #readSmall(): unknown {
    const text = decodeText(Buffer.concat(this.#blocks));
    assertShallow(text);
    return parseJson(text);
  }

  #large(message: UnderWay): LargeRequest {
    const { id, method } = message;
    return { kind: 'large', id, method, read: () => readLarge(message), release: () => this.#giveBack(message) };
  }

  #giveBack(message: UnderWay): void {
    if (message.bytes > 0) this.#services.giveBytes(message.bytes);
    message.bytes = 0;
    message.frames.length = 0;
  }
}

/** The parameters of a large request, as the contract has them. Throws RPC_BAD_FRAME, RPC_TOO_LARGE or RPC_BAD_PARAMS. */
export function* readParameters(request: LargeRequest): Steps<unknown> {
  const message = yield* request.read();
  const envelope = typeof message === 'object' && message !== null && 'params' in message ? message : { params: null };
  const parsed = clientMessageSchema.safeParse({ ...envelope, params: null });
  const isAsAnnounced =
    parsed.data?.kind === 'request' && parsed.data.id === request.id && parsed.data.method === request.method;
  if (!isAsAnnounced) throw new AppError('RPC_BAD_FRAME', 'a large message is malformed');
  const checked = yield* checkInSteps(methods[request.method].params, envelope.params);
  if (checked.ok) return checked.value;
  throw new AppError('RPC_BAD_PARAMS', `${request.method}: ${checked.problem}`);
}

function* readLarge({ frames, method }: UnderWay): Steps<unknown> {
  const texts: string[] = [];
  let length = 0;
  for (const { blocks, partOffset } of frames) {
    const text = decodeText(Buffer.concat(blocks));
    yield;
    texts.push(partOffset === undefined ? text : textOfPart(text.slice(partOffset)));
    length += Buffer.byteLength(texts.at(-1) ?? '');
    if (length > Math.min(maxMessageBytes, largestMessage(method))) throw tooLarge(method);
    yield;
  }
  return yield* parseInSteps(texts.join(''));
}

/** The text of a part frame behind `"text":`, which has to be all that is left of it. */
function textOfPart(rest: string): string {
  const text: unknown = rest.startsWith('"') && rest.endsWith('"}') ? parseJson(rest.slice(0, -1)) : undefined;
  if (typeof text !== 'string') throw new AppError('RPC_BAD_FRAME', 'a part of a message is malformed');
  return text;
}

function tooLarge(method: MethodName): AppError {
  const message = `a message of more than ${largestMessage(method)} bytes for ${method}`;
  return new AppError(
    'RPC_TOO_LARGE',
    message,
    method === 'applyConfig' ? { expected: 'a smaller configuration' } : {},
  );
}
