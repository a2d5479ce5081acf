/** Which rows of a table a viewer asked for. Works on what the viewer may see, so that a search cannot reveal the rest. */
import type { Row, SubscribeOptions, TopicName } from '../contract/rpc.ts';

/** Builds the test of a subscription's options. */
export function rowFilterOf<T extends TopicName>(topic: T, options: SubscribeOptions): (row: Row<T>) => boolean {
  const search = options.search?.toLowerCase() ?? '';
  const searchable = searchableFields[topic];
  return (row) => {
    if (options.closed !== true && isClosed(row)) return false;
    return (
      search === '' || searchable(row).some((field) => field !== undefined && field.toLowerCase().includes(search))
    );
  };
}

type Searchable = { readonly [T in TopicName]: (row: Row<T>) => readonly (string | undefined)[] };

const searchableFields: Searchable = {
  connections: (row) => [
    row.destination.host,
    String(row.destination.port),
    row.source.host,
    row.fakeIp,
    row.remote,
    row.process?.name,
    row.rule?.type,
    row.rule?.payload,
    row.rule?.policy,
    row.network,
    row.error?.code,
    ...row.chain,
  ],
  mappings: (row) => [
    row.name,
    row.address,
    row.address6,
    row.former,
    row.state,
    row.outcome,
    row.pinned ? 'pinned' : undefined,
  ],
  dnsLog: (row) => [row.name, row.type, row.client, row.process, row.verdict, row.rcode, row.answer, row.upstream],
  logs: (row) => [row.message, row.component, row.level],
  proxies: (row) => [row.name, row.kind, row.group?.now ?? undefined],
};

function isClosed(row: Row<TopicName>): boolean {
  return 'network' in row && row.state === 'closed';
}
