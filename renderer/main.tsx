/** The composition root of the window: makes the bridge, the stores and the translator, then draws. */
import type { i18n } from 'i18next';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { I18nextProvider } from 'react-i18next';
import { connectApi } from './api.ts';
import { App } from './app.tsx';
import { readFile } from './features/profiles/import/read-file.ts';
import { createI18n, type Language, resolveLanguage } from './i18n/create-i18n.ts';
import { ConnectionTable } from './stores/connection-table.ts';
import { DelayTest } from './stores/delay-test.ts';
import { EnhancedToggle } from './stores/enhanced-toggle.ts';
import { watchHelper } from './stores/helper-watch.ts';
import { ImportBox } from './stores/import-box.ts';
import { createLiveStore } from './stores/live-store.ts';
import { Notices } from './stores/notices.ts';
import type { Preferences } from './stores/preferences.ts';
import { isChanged, ProfileEditor } from './stores/profile-editor.ts';
import { RowTable } from './stores/row-table.ts';
import { RuleBox } from './stores/rule-box.ts';
import { SecondClock } from './stores/second-clock.ts';
import { type Services, ServicesContext } from './stores/services.ts';
import { TopicStore } from './stores/topic-store.ts';
import { UiStore } from './stores/ui-store.ts';
import { formatTime } from './text/format.ts';
import './styles/tokens.css';
import './styles/base.css';
import './styles/shell.css';

/** Rows a table holds at most; the server sends the newest. */
const connectionLimit = 20_000;
const mappingLimit = 50_000;
const dnsLogLimit = 5000;

const services = createServices(window);
const { ui } = services;
const translator = createI18n(resolveLanguage(ui.store.getState().preferences.language, navigator.languages));
applyAppearance(window, services, translator);
watchHelper(services.live, {
  returned: (time) =>
    services.notices.warn(translator.t('trouble.helperReturned', { time: formatTime(time, Date.now()) })),
});
window.addEventListener('hashchange', () => ui.followLocation());
// A tab that is closed or loaded anew would take what is not saved with it: the browser asks.
window.addEventListener('beforeunload', (event) => {
  if ([...services.profileEditor.store.getState().drafts.values()].some(isChanged)) event.preventDefault();
});

const root = document.getElementById('root');
if (root === null) throw new Error('index.html has no #root');
createRoot(root).render(
  <StrictMode>
    <I18nextProvider i18n={translator}>
      <ServicesContext value={services}>
        <App />
      </ServicesContext>
    </I18nextProvider>
  </StrictMode>,
);

function createServices(window: Window): Services {
  const { bridge, home } = connectApi(window);
  const after = (ms: number, callback: () => void) => {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  };
  const every = (ms: number, callback: () => void) => {
    const timer = setInterval(callback, ms);
    return () => clearInterval(timer);
  };
  const shared = {
    bridge,
    nextFrame: (callback: () => void) => void requestAnimationFrame(callback),
    now: () => performance.now(),
  };
  const live = createLiveStore(bridge, home);
  return {
    bridge,
    home,
    live,
    toggle: new EnhancedToggle({ bridge, live, after }),
    connections: new TopicStore({
      ...shared,
      topic: 'connections',
      table: new ConnectionTable(),
      options: { closed: true, limit: connectionLimit },
    }),
    mappings: new TopicStore({
      ...shared,
      topic: 'mappings',
      table: new RowTable<'mappings'>((row) => row.address),
      options: { limit: mappingLimit },
    }),
    dnsLog: new TopicStore({
      ...shared,
      topic: 'dnsLog',
      table: new RowTable<'dnsLog'>((row) => row.id),
      options: { limit: dnsLogLimit },
    }),
    proxies: new TopicStore({
      ...shared,
      topic: 'proxies',
      table: new RowTable<'proxies'>((row) => row.name),
      options: {},
    }),
    delayTest: new DelayTest(bridge),
    importBox: new ImportBox({ bridge, after, readFile }),
    profileEditor: new ProfileEditor({ bridge, after, now: shared.now }),
    ruleBox: new RuleBox(),
    ui: new UiStore(window.localStorage, window.location),
    kept: new Map(),
    notices: new Notices(after),
    clock: new SecondClock({ now: () => Date.now(), every }),
  };
}

/** Theme and language of the document follow the preferences, and the system where they say so. */
function applyAppearance(window: Window, { ui, bridge }: Services, translator: i18n): void {
  let told: Language | undefined;
  const tellLanguage = (language: Language) => {
    if (language === told) return;
    told = language;
    // The tray speaks as the window does. A browser's app process has none, and a home that is away hears it from the next window.
    bridge.call('setLanguage', { language }).catch(() => undefined);
  };
  const darkSystem = window.matchMedia('(prefers-color-scheme: dark)');
  const apply = ({ theme, language }: Preferences) => {
    const { documentElement } = window.document;
    documentElement.dataset.theme = theme === 'system' ? (darkSystem.matches ? 'dark' : 'light') : theme;
    const resolved = resolveLanguage(language, window.navigator.languages);
    documentElement.lang = resolved;
    if (translator.language !== resolved) void translator.changeLanguage(resolved);
    tellLanguage(resolved);
  };
  apply(ui.store.getState().preferences);
  ui.store.subscribe(({ preferences }) => apply(preferences));
  darkSystem.addEventListener('change', () => apply(ui.store.getState().preferences));
}
