/** Composition root of the desktop app. */
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { app, dialog } from 'electron';
import { AppService } from '../core/app/app-service.ts';
import { asTyped, localCommands } from '../core/app/local-commands.ts';
import { userProfiles } from '../core/app/user-profiles.ts';
import { AppError } from '../core/base/app-error.ts';
import { systemClock } from '../core/base/clock.ts';
import { createLogger } from '../core/base/logger.ts';
import { userConfigDir } from '../core/base/paths.ts';
import { systemName } from '../core/base/system-name.ts';
import { mirageVersion } from '../core/base/version.ts';
import type { AppInfo } from '../core/contract/app.ts';
import { renderReport } from '../core/profile/report.ts';
import { DesktopApp } from './app.ts';
import { readCommandLine } from './command-line.ts';
import { hardenApp } from './hardening.ts';
import { createHelperClient } from './helper-client.ts';
import { followInstallLinks } from './install-links.ts';
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
  const service: AppService = new AppService({
    helper: createHelperClient(commandLine, systemClock, uid),
    ...userProfiles({
      directory: configDir,
      proxy: (policy) => service.downloadProxy(policy),
      uid,
      version: mirageVersion,
      clock: systemClock,
      logger,
      ...(commandLine.config === undefined ? {} : { named: resolve(commandLine.config) }),
    }),
    report({ problems, path, text }) {
      if (problems.length > 0) process.stderr.write(`${renderReport(problems, { file: path ?? '', text })}\n`);
    },
    clock: systemClock,
    logger,
    info: { version: mirageVersion, home: 'electron', platform: systemName, ...namedCommands() },
    enhancedAtStart: commandLine.enhanced,
    onLanguage: (language) => desktop.speak(language),
    pickFile: () => desktop.pickFile(),
  });
  const desktop: DesktopApp = new DesktopApp({
    app,
    service,
    settings: new SettingsFile(join(configDir, 'desktop.json')),
    clock: systemClock,
    logger,
    root: app.getAppPath(),
    hasTray: () => hasTrayHost(process.env['DBUS_SESSION_BUS_ADDRESS'], uid),
  });
  let ended = false;
  /** Somebody ends it who cannot be asked. */
  let isKilled = false;
  const end = async (): Promise<void> => {
    if (!isKilled && !(await desktop.mayEnd())) return;
    await desktop.end().finally(() => {
      ended = true;
      app.quit();
    });
  };
  followInstallLinks(app, process.argv.slice(1), (offer) => service.propose(offer));
  app.on('second-instance', () => desktop.show());
  app.on('window-all-closed', () => undefined);
  app.on('before-quit', (event) => {
    if (ended) return;
    event.preventDefault();
    void end();
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => {
      isKilled = true;
      app.quit();
    });
  app.whenReady().then(
    () => desktop.start().catch(fail),
    (caught: unknown) => fail(caught),
  );
}

function namedCommands(): Pick<AppInfo, 'cli' | 'offlineRestore'> {
  const { cli, offlineRestore } = localCommands({
    searchPath: process.env['PATH'],
    built: join(app.getAppPath(), 'dist'),
    node: 'node',
    ...(commandLine.socket === undefined ? {} : { runtimeDir: resolve(commandLine.socket) }),
  });
  return { cli, offlineRestore: offlineRestore === undefined ? null : asTyped(offlineRestore, uid) };
}

/** Only a broken installation comes here: everything else is shown in the window. */
function fail(caught: unknown): void {
  const { message, expected } = AppError.from(caught);
  dialog.showErrorBox('Mirage', expected === undefined ? message : `${message}\n\n${expected}`);
  app.exit(1);
}
