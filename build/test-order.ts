/** Which spec files share a process, which run alone, and which begin first. */
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Folders whose files leave nothing behind. */
const folders = [
  ...[
    'app',
    'base',
    'contract',
    'dns',
    'flow',
    'inbound',
    'net',
    'outbound',
    'profile',
    'provider',
    'rpc',
    'rule',
    'sniff',
    'state',
    'tunnel',
  ].map((folder) => `core/${folder}`),
  'renderer',
];
/** Files there that have a process of their own: they kill other processes, or measure the memory of this one. */
const ownProcess = '*.netns|*.peer|*.kill|*.power-cut|blob-uploads';

/**
 * Files that run one after the other in the same process: most of a small file's time goes into loading what it imports, which is then
 * loaded once. `test/support/leftovers.ts` looks after each whether it has left nothing behind.
 */
export const sharing = folders.map((folder) => `test/${folder}/**/!(${ownProcess}).spec.{ts,tsx}`);

/** Files that measure, compile, or hold up every other namespace: nothing else runs meanwhile. */
export const alone = [
  'test/native/route.spec.ts',
  'test/e2e/netns/attack.spec.ts',
  'test/e2e/netns/start.spec.ts',
  'test/e2e/netns/engine-fault.spec.ts',
  // Whose a socket is, a busy machine cannot tell in time.
  'test/e2e/netns/rule-types.spec.ts',
];

/** Those that take longest, longest first: begun last, they would be waited for alone. */
const longest = [
  'test/e2e/netns/subscriptions.spec.ts',
  'test/e2e/netns/firewalls.spec.ts',
  'test/e2e/netns/full-range.spec.ts',
  'test/e2e/netns/name-not-found.spec.ts',
  'test/core/helper/main.netns.spec.ts',
  'test/core/system/linux/restore.netns.spec.ts',
  'test/core/cli/main.spec.ts',
  'test/oracle/profile-rules.spec.ts',
  'test/core/system/linux/routes/linux-routes.netns.spec.ts',
  'test/build/assemble-helper.spec.ts',
  'test/core/dns/fake-ip/fake-ip-pool.kill.spec.ts',
  'test/core/tunnel/config-graph.property.spec.ts',
];

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const at = longest.findIndex((file) => moduleId.endsWith(`/${file}`));
      return at < 0 ? longest.length : at;
    };
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b));
  }
}
