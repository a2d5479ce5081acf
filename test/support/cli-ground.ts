/** The command line with a helper, a profile and a person that only pretend: what its tests stand on. */
import { beforeEach, expect } from 'vitest';
import { AppError } from '../../core/base/app-error.ts';
import type { GlobalOptions } from '../../core/cli/command-context.ts';
import { Console } from '../../core/cli/console.ts';
import type { ServeOptions } from '../../core/cli/program.ts';
import { runCli } from '../../core/cli/run-cli.ts';
import { defaultConfig } from '../../core/contract/config.ts';
import type { DnsRow, MappingRow } from '../../core/contract/dns.ts';
import type { ConnectionRow } from '../../core/contract/flow.ts';
import type { LoadedProfile } from '../../core/profile/loaded-profile.ts';
import { ProfileLibrary } from '../../core/profile/profile-library.ts';
import { eventually } from './eventually.ts';
import { type DoubleSubscription, HelperDouble } from './helper-double.ts';
import { ManualClock } from './manual-clock.ts';
import { ProvidersDouble } from './providers-double.ts';

export const now = 1_700_000_125_000;

export interface Outcome {
  code: number;
  out: string;
  err: string;
}

const noProfile: LoadedProfile = {
  path: '/home/u/.config/mirage/profile.yaml',
  text: '',
  config: defaultConfig,
  problems: [],
};

export class CliGround {
  helper = new HelperDouble();
  /** Why the helper cannot be reached. */
  unreachable: AppError | undefined;
  profile: LoadedProfile = noProfile;
  /** Profiles that were read, and with which options the helper was opened and the app served. */
  asked: (string | undefined)[] = [];
  opened: GlobalOptions[] = [];
  served: ServeOptions[] = [];
  /** The person ends what goes on. */
  end: () => void = () => undefined;
  ended: Promise<void> = Promise.resolve();
  /** What a terminal of this width would show; without one, whole cells. */
  terminal: number | undefined;
  /** What gives the network back without the helper, what people were asked and said, what was run then and how it ended. */
  offlineRestore: string[] | undefined;
  questions: string[] = [];
  answer: boolean | undefined;
  ran: (readonly string[])[] = [];
  programCode = 0;

  begin(): void {
    this.offlineRestore = ['/opt/m/helper', '--restore'];
    this.questions = [];
    this.answer = undefined;
    this.ran = [];
    this.programCode = 0;
    this.terminal = undefined;
    this.ended = new Promise((resolve) => {
      this.end = resolve;
    });
    this.helper = new HelperDouble();
    this.unreachable = undefined;
    this.profile = noProfile;
    this.asked = [];
    this.opened = [];
    this.served = [];
  }

  readonly mirage = async (...args: string[]): Promise<Outcome> => {
    const written = { out: '', err: '' };
    const stream = (to: 'out' | 'err') => ({
      write: (text: string) => (written[to] += text),
      ...(this.terminal === undefined ? {} : { isTTY: true, columns: this.terminal }),
    });
    const code = await runCli(args, {
      version: '0.1.0',
      serve: async (options) => {
        this.served.push(options);
      },
      context: {
        console: new Console(stream('out'), stream('err'), { NO_COLOR: '1' }),
        clock: new ManualClock(now),
        uid: 1000,
        userName: (uid) => (uid === 1000 ? 'ada' : undefined),
        openHelper: async (options) => {
          this.opened.push(options);
          if (this.unreachable !== undefined) throw this.unreachable;
          this.helper.up();
          return this.helper;
        },
        loadProfile: async (file) => {
          this.asked.push(file);
          return file === undefined ? this.profile : { ...this.profile, path: file };
        },
        profiles: new ProfileLibrary({ directory: '/nonexistent' }),
        providers: new ProvidersDouble(),
        ended: () => this.ended,
        commands: () => ({ cli: 'mirage', offlineRestore: this.offlineRestore }),
        confirm: (question) => {
          this.questions.push(question);
          return Promise.resolve(this.answer);
        },
        editor: () => 'ed',
        runProgram: (command) => {
          this.ran.push(command);
          return Promise.resolve(this.programCode);
        },
      },
    });
    return { code, ...written };
  };

  readonly subscribed = (): Promise<DoubleSubscription> => {
    return eventually(() => this.helper.subscriptions[0] ?? expect.fail('nobody has subscribed'));
  };

  /** Sends the pages of a table to whoever subscribes. */
  readonly tableOf = (rows: unknown[], pageSize = 1000): void => {
    const subscribe = this.helper.subscribe.bind(this.helper);
    this.helper.subscribe = (topic, options, handler, onRefused) => {
      const stop = subscribe(topic, options, handler, onRefused);
      setImmediate(() => {
        for (let at = 0; at === 0 || at < rows.length; at += pageSize) {
          this.helper.subscriptions[0]?.push({
            epoch: 1,
            sequence: at / pageSize,
            reset: at === 0,
            rows: rows.slice(at, at + pageSize) as never,
            counters: [],
            removed: [],
            total: rows.length,
          });
        }
      });
      return stop;
    };
  };
}

/** A ground of its own for each test of the file. */
export function cliGround(): CliGround {
  const ground = new CliGround();
  beforeEach(() => ground.begin());
  return ground;
}

export const row = (id: string, host: string, rest: Partial<ConnectionRow> = {}): ConnectionRow => ({
  id,
  network: 'tcp',
  inbound: 'tun',
  source: { host: '198.18.0.1', port: 40_000 },
  destination: { host, port: 443 },
  chain: ['DIRECT'],
  state: 'open',
  up: 0,
  down: 0,
  openedAt: now - 5_000,
  ...rest,
});

export const mapping = (address: string, rest: Partial<MappingRow> = {}): MappingRow => ({
  address,
  name: 'far.example',
  state: 'resting',
  pinned: false,
  firstSeen: 1,
  lastAnswered: now - 60_000,
  lastConnected: now - 5_000,
  answers: 4,
  flows: 3,
  liveFlows: 0,
  outcome: 'ok',
  ...rest,
});

export const question = (id: string, rest: Partial<DnsRow> = {}): DnsRow => ({
  id,
  time: now,
  client: 'tun',
  name: 'far.example',
  type: 'A',
  verdict: 'real',
  rcode: 'NOERROR',
  answer: '203.0.113.80',
  ms: 14.2,
  ...rest,
});
