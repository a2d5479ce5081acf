/** What each page is: its component, its icon, and whether it works while the helper cannot be reached. */
import {
  ArrowLeftRight,
  FileText,
  Gauge,
  ListTree,
  type LucideIcon,
  Package,
  Rows3,
  ScrollText,
  Settings,
  Waypoints,
} from 'lucide-react';
import type { ComponentType } from 'react';
import { ConnectionsPage } from './features/connections/ConnectionsPage.tsx';
import { DnsLogPage } from './features/dns-log/DnsLogPage.tsx';
import { MappingsPage } from './features/mappings/MappingsPage.tsx';
import { OverviewPage } from './features/overview/OverviewPage.tsx';
import { ProfilesPage } from './features/profiles/ProfilesPage.tsx';
import { ProvidersPage } from './features/providers/ProvidersPage.tsx';
import { ProxiesPage } from './features/proxies/ProxiesPage.tsx';
import { RulesPage } from './features/rules/RulesPage.tsx';
import { SettingsPage } from './features/settings/SettingsPage.tsx';
import type { PageName } from './stores/ui-store.ts';

interface Page {
  readonly component: ComponentType;
  readonly icon: LucideIcon;
  readonly withoutHelper?: true;
}

/** A page that `ui-store.ts` names does not compile until it stands here. */
export const pageTable: Readonly<Record<PageName, Page>> = {
  overview: { component: OverviewPage, icon: Gauge },
  proxies: { component: ProxiesPage, icon: Waypoints },
  profiles: { component: ProfilesPage, icon: FileText, withoutHelper: true },
  providers: { component: ProvidersPage, icon: Package, withoutHelper: true },
  connections: { component: ConnectionsPage, icon: ArrowLeftRight },
  mappings: { component: MappingsPage, icon: Rows3 },
  dns: { component: DnsLogPage, icon: ScrollText },
  rules: { component: RulesPage, icon: ListTree },
  settings: { component: SettingsPage, icon: Settings, withoutHelper: true },
};
