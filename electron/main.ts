/** Composition root of the desktop app. */
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { app, dialog } from 'electron';
import { AppError } from '../core/base/app-error.ts';
import { systemClock } from '../core/base/clock.ts';
import { createLogger } from '../core/base/logger.ts';
import { userConfigDir } from '../core/base/paths.ts';
import { mirageVersion } from '../core/base/version.ts';
import { AppService } from '../core/controller/app-service.ts';
import { ProfileStore } from '../core/profile/profile-store.ts';
import { renderReport } from '../core/profile/report.ts';
import { DesktopApp } from './app.ts';
import { readCommandLine } from './command-line.ts';
import { hardenApp } from './hardening.ts';
import { createHelperClient } from './helper-client.ts';
import { registerRendererScheme } from './renderer-protocol.ts';
import { SettingsFile } from './settings.ts';
import { hasTrayHost } from './tray-host.ts';

const commandLine = readCommandLine(process.argv.slice(1));
const uid = process.getuid?.() ?? -1;
const configDir = userConfigDir(process.env, homedir());
const logger = createLogger(({ level, component, text }) => process.stderr.write(`${level}: ${component}: ${text}\n`), {
  component: 'app',
  enabled: (level) => level === 'warning' || level === 'error',
  now: Date.now,
});

// Whoever read our output is gone; that is no reason to end.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
hardenApp(app);
registerRendererScheme();
app.setName('Mirage');
app.setPath('userData', join(configDir, 'desktop'));

if (app.requestSingleInstanceLock()) run();
else app.exit(0);

function run(): void {
  const desktop = new DesktopApp({
    app,
    service: new AppService({
      helper: createHelperClient(commandLine, systemClock, uid),
      profile: new ProfileStore({
        directory: configDir,
        ...(commandLine.config === undefined ? {} : { path: resolve(commandLine.config) }),
      }),
      report({ problems, path, text }) {
        if (problems.length > 0) process.stderr.write(`${renderReport(problems, { file: path ?? '', text })}\n`);
      },
      clock: systemClock,
      logger,
      info: { version: mirageVersion, home: 'electron', platform: process.platform },
      enhancedAtStart: commandLine.enhanced,
    }),
    settings: new SettingsFile(join(configDir, 'desktop.json')),
    clock: systemClock,
    logger,
    root: app.getAppPath(),
    hasTray: () => hasTrayHost(process.env['DBUS_SESSION_BUS_ADDRESS'], uid),
  });
  let ended = false;
  app.on('second-instance', () => desktop.show());
  app.on('window-all-closed', () => undefined);
  app.on('before-quit', (event) => {
    if (ended) return;
    event.preventDefault();
    void desktop.end().finally(() => {
      ended = true;
      app.quit();
    });
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => app.quit());
  app.whenReady().then(
    () => desktop.start().catch(fail),
    (caught: unknown) => fail(caught),
  );
}

/** Only a broken installation comes here: everything else is shown in the window. */
function fail(caught: unknown): void {
  const { message, expected } = AppError.from(caught);
  dialog.showErrorBox('Mirage', expected === undefined ? message : `${message}\n\n${expected}`);
  app.exit(1);
}
