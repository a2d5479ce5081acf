/** A browser server with an app behind it whose helper only pretends, and what a browser does with it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { type IncomingHttpHeaders, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest';
import { WebSocket } from 'ws';
import { AppService } from '../../core/app/app-service.ts';
import { BrowserServer } from '../../core/app/browser/browser-server.ts';
import { RendererFiles } from '../../core/app/browser/renderer-files.ts';
import { systemClock } from '../../core/base/clock.ts';
import { silentLogger } from '../../core/base/logger.ts';
import { HelperDouble } from './helper-double.ts';
import { ProfileLibraryDouble } from './profile-library-double.ts';
import { ProvidersDouble } from './providers-double.ts';

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
}

export class BrowserGround {
  directory = '';
  declare server: BrowserServer;
  declare helper: HelperDouble;
  port = 0;
  /** The keys of those who have signed in, by cookie. */
  readonly keys = new Map<string, string>();

  async makeFiles(): Promise<void> {
    this.directory = mkdtempSync(join(tmpdir(), 'mirage-browser-'));
    await mkdir(join(this.directory, 'renderer/assets'), { recursive: true });
    await writeFile(join(this.directory, 'renderer/index.html'), '<!doctype html><title>Mirage</title>');
    await writeFile(join(this.directory, 'renderer/assets/app-B3dXk9aZ.js'), 'export {};');
    await writeFile(join(this.directory, 'secret.txt'), 'not for you');
  }

  async begin(): Promise<void> {
    this.helper = new HelperDouble();
    const bridge = new AppService({
      helper: this.helper,
      profiles: new ProfileLibraryDouble(),
      providers: new ProvidersDouble(),
      report: () => undefined,
      clock: systemClock,
      logger: silentLogger,
      info: { version: '0.1.0', home: 'browser', platform: 'linux', cli: 'mirage', offlineRestore: null },
      enhancedAtStart: false,
    });
    await bridge.start();
    this.helper.up();
    const files = new RendererFiles(join(this.directory, 'renderer'));
    this.server = new BrowserServer({ bridge, files, clock: systemClock, logger: silentLogger, port: 0 });
    await this.server.start();
    this.port = Number(new URL(this.server.address).port);
  }

  /** A request whose path and headers go out exactly as written. */
  readonly ask = (path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> => {
    return new Promise((resolve, reject) => {
      const options = {
        host: '127.0.0.1',
        port: this.port,
        path,
        method,
        headers: { host: `127.0.0.1:${this.port}`, ...headers },
      };
      const outgoing = request(options, (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (text: string) => (body += text));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
      });
      outgoing.on('error', reject);
      outgoing.end();
    });
  };

  readonly signIn = async (): Promise<string> => {
    const { pathname, search } = new URL(this.server.issueLink());
    const answer = await this.ask(pathname + search);
    expect(answer.status).toBe(303);
    const cookie = answer.headers['set-cookie']?.[0]?.split(';')[0] ?? '';
    this.keys.set(cookie, /^\/#key=([\w-]{22})$/.exec(answer.headers.location ?? '')?.[1] ?? '');
    return cookie;
  };

  /** Shows the key of the cookie, or another. */
  readonly dial = (
    headers: Record<string, string>,
    path = '/api/socket',
    key = this.keys.get(headers['cookie'] ?? ''),
  ): WebSocket => {
    const socket = new WebSocket(`ws://127.0.0.1:${this.port}${path}`, {
      headers: { origin: `http://127.0.0.1:${this.port}`, ...headers },
    });
    socket.on('open', () => socket.send(JSON.stringify({ key })));
    return socket;
  };
}

/** One directory for the file, and a server for each test. */
export function browserGround(): BrowserGround {
  const ground = new BrowserGround();
  beforeAll(() => ground.makeFiles());
  afterAll(() => rmSync(ground.directory, { recursive: true, force: true }));
  beforeEach(() => ground.begin());
  afterEach(() => ground.server.stop());
  return ground;
}

/** `open`, or the status of the refusal. */
export function outcome(socket: WebSocket): Promise<'open' | number> {
  return new Promise((resolve, reject) => {
    socket.on('open', () => resolve('open'));
    socket.on('unexpected-response', (_, response) => {
      resolve(response.statusCode ?? 0);
      response.destroy();
    });
    socket.on('error', (error) => (socket.readyState === WebSocket.CONNECTING ? reject(error) : undefined));
  });
}

export const closeCode = (socket: WebSocket): Promise<number> => new Promise((resolve) => socket.on('close', resolve));

export const nextFrame = (socket: WebSocket, wanted: (frame: Record<string, unknown>) => boolean) =>
  new Promise<Record<string, unknown>>((resolve) => {
    socket.on('message', (data: Buffer) => {
      const frame = JSON.parse(data.toString()) as Record<string, unknown>;
      if (wanted(frame)) resolve(frame);
    });
  });
