/** A node whose tests end as told: a dialer of streams behind which an HTTP server answers after so long, or never. */
import { Duplex } from 'node:stream';
import { AppError } from '../../../../core/base/app-error.ts';
import type { Clock } from '../../../../core/base/clock.ts';
import type { Endpoint } from '../../../../core/contract/flow.ts';
import type { Stream } from '../../../../core/net/stream.ts';
import type { DialOptions, StreamDialer } from '../../../../core/outbound/dialer.ts';
import type { TestedNode } from '../../../../core/outbound/health/node-tests.ts';

export class ScriptedNode implements StreamDialer {
  /** Milliseconds to the answer; undefined = none ever comes. */
  delay: number | undefined = 10;
  status = 204;
  /** The dial itself fails so. */
  refuses: AppError | undefined;
  readonly asked: Endpoint[] = [];
  readonly heads: string[] = [];
  /** Tests under way now, and the most that there were. */
  now = 0;
  most = 0;
  readonly name: string;
  readonly #clock: Clock;

  constructor(name: string, clock: Clock) {
    this.name = name;
    this.#clock = clock;
  }

  get node(): TestedNode {
    return { name: this.name, identity: `identity of ${this.name}`, dialer: this };
  }

  dialStream(to: Endpoint, { signal }: DialOptions): Promise<Stream> {
    this.asked.push(to);
    this.now += 1;
    this.most = Math.max(this.most, this.now);
    let isOver = false;
    const over = (): void => {
      if (!isOver) this.now -= 1;
      isOver = true;
    };
    signal.addEventListener('abort', over, { once: true });
    if (this.refuses !== undefined) {
      over();
      return Promise.reject(this.refuses);
    }
    const clock = this.#clock;
    const { delay, status, heads } = this;
    const duplex: Duplex = new Duplex({
      read: () => undefined,
      write: (chunk: Buffer, _encoding, done) => {
        heads.push(chunk.toString('latin1'));
        if (delay !== undefined)
          clock.after(delay, () => duplex.push(Buffer.from(`HTTP/1.1 ${status} x\r\nContent-Length: 0\r\n\r\n`)));
        done();
      },
    });
    duplex.on('error', () => undefined);
    const reset = (): void => {
      over();
      duplex.destroy();
    };
    return Promise.resolve({ readable: duplex, writable: duplex, remote: undefined, reset });
  }
}

export const refused = new AppError('DIAL_PROXY_REFUSED', 'nobody listens');
