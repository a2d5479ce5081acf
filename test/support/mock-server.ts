/**
 * The built renderer over the mock, served by the real browser server. Also a program to look at it by hand:
 * `node test/support/mock-server.ts [rows]` prints a link.
 */
import path from 'node:path';
import { BrowserServer } from '../../core/app/browser/browser-server.ts';
import { RendererFiles } from '../../core/app/browser/renderer-files.ts';
import { systemClock } from '../../core/base/clock.ts';
import { silentLogger } from '../../core/base/logger.ts';
import type { MirageBridge } from '../../core/contract/app.ts';
import { MockBridge, type MockOptions } from './mock-bridge.ts';
import { withProfilesOf } from './profile-world.ts';
import { root } from './source-graph.ts';

export interface MockServer {
  readonly bridge: MockBridge;
  readonly server: BrowserServer;
  stop(): Promise<void>;
}

/** Needs dist/renderer. Port 0 is any free one. `profilesOf`: where profiles come from instead of the mock. */
export async function startMockServer(
  { profilesOf, ...options }: Omit<MockOptions, 'clock'> & { readonly profilesOf?: MirageBridge },
  port = 0,
): Promise<MockServer> {
  const bridge = new MockBridge({ ...options, clock: systemClock });
  const files = new RendererFiles(path.join(root, 'dist/renderer'));
  const shown = profilesOf === undefined ? bridge : withProfilesOf(profilesOf, bridge);
  const server = new BrowserServer({ bridge: shown, files, clock: systemClock, logger: silentLogger, port });
  await server.start();
  return {
    bridge,
    server,
    stop: async () => {
      bridge.dispose();
      await server.stop();
    },
  };
}

if (process.argv[1] === import.meta.filename) {
  const { server } = await startMockServer({ rows: Number(process.argv[2] ?? 120), tunnel: 'running', nodes: 400 });
  process.stdout.write(`${server.issueLink()}\n`);
}
