/** `mirage serve`: the window in a browser, for machines without a desktop. Runs until interrupted. */

import type { AppService } from '../app/app-service.ts';
import type { BrowserServer } from '../app/browser/browser-server.ts';
import { AppError } from '../base/app-error.ts';
import type { HelperLink } from '../contract/app.ts';
import type { Console } from './console.ts';

export interface ServeSettings {
  json: boolean;
  /** Wait for Enhanced Mode before the link is printed. */
  enhanced: boolean;
  open: boolean;
}

export interface ServeEnvironment {
  readonly console: Console;
  /** Whether somebody can press a key. */
  readonly interactive: boolean;
  /** Calls when a new link is asked for (Enter on the terminal); the returned function ends it. */
  onLinkWanted(handler: () => void): () => void;
  /** Resolves when the program is asked to end. */
  readonly ended: Promise<void>;
  openBrowser(url: string): void;
  sleep(ms: number): Promise<void>;
}

/** Milliseconds that the link may wait for the helper. */
const patience = { plain: 1_000, enhanced: 15_000 };

/** Owns both services: starts them, and stops them in order, the session first. */
export async function serve(
  service: AppService,
  server: BrowserServer,
  settings: ServeSettings,
  environment: ServeEnvironment,
): Promise<void> {
  const { console } = environment;
  const announce = () => announceLink(server, settings, environment);
  await server.start();
  let stopWatching = () => undefined as void;
  try {
    await service.start();
    await Promise.race([
      service.firstSettled,
      environment.sleep(settings.enhanced ? patience.enhanced : patience.plain),
      environment.ended,
    ]);
    if (settings.enhanced && !settings.json) console.note(enhancedOutcome(service));
    const url = announce();
    if (settings.open) environment.openBrowser(url);
    const stopLink = service.on('link', reportLink(console, settings));
    const stopKeys = environment.onLinkWanted(announce);
    stopWatching = () => {
      stopLink();
      stopKeys();
    };
    await environment.ended;
  } finally {
    stopWatching();
    await service.stop();
    await server.stop();
  }
}

/** What came of `--enhanced`, in a sentence. */
function enhancedOutcome({ snapshot, link }: Pick<AppService, 'snapshot' | 'link'>): string {
  if (snapshot?.tunnel.kind === 'running' && snapshot.mine) return 'Enhanced Mode is on';
  const reason = link.kind === 'failed' ? `: ${AppError.fromData(link.error).message}` : '';
  return `Enhanced Mode is not on${reason}`;
}

function announceLink(server: BrowserServer, settings: ServeSettings, environment: ServeEnvironment): string {
  const { console, interactive } = environment;
  const url = server.issueLink();
  if (settings.json) {
    console.json({ url, address: server.address });
  } else {
    console.line(`${console.paint('bold', 'Mirage')} is at ${console.paint('cyan', url)}`);
    const keys = interactive ? ' Enter: a new link. Ctrl-C: end.' : '';
    console.line(console.paint('dim', `The link works once, for ten minutes.${keys}`));
  }
  return url;
}

/** Says once when the helper is missing and once when it is there again. */
function reportLink(console: Console, settings: ServeSettings): (link: HelperLink) => void {
  let failed = false;
  return (link) => {
    if (link.kind === 'failed' && !failed) {
      failed = true;
      if (settings.json) console.note(JSON.stringify({ link }));
      else console.noteError(link.error);
    } else if (link.kind === 'connected' && failed) {
      failed = false;
      if (settings.json) console.note(JSON.stringify({ link }));
      else console.note('the helper is there');
    }
  };
}
