/** What is told of one connection beside its row: the questions for its name, its mapping, and the rules that were tested. */
import { useEffect, useState } from 'react';
import type { DnsRow, MappingRow } from '../../../core/contract/dns.ts';
import type { ConnectionRow, RuleTrace } from '../../../core/contract/flow.ts';
import { readOnce } from '../../bridge/read-once.ts';
import { useServices } from '../../stores/services.ts';

export interface Trace {
  /** The last question for the name before the connection, and how it was answered. */
  readonly question: DnsRow | undefined;
  readonly mapping: MappingRow | undefined;
  /** By the rules in force now, with the facts of this connection. */
  readonly rules: RuleTrace | undefined;
}

const nothing: Trace = { question: undefined, mapping: undefined, rules: undefined };
/** Questions for one name that are looked at. */
const questionLimit = 50;
/** Milliseconds that a question may be younger than its connection, by the clocks of two log lines. */
const slack = 50;

/** Asked for again when the connection is another one, or was decided meanwhile. */
export function useTrace(row: ConnectionRow): Trace {
  const { bridge } = useServices();
  const [trace, setTrace] = useState<{ id: string; trace: Trace }>({ id: row.id, trace: nothing });
  const { id, network, fakeIp, openedAt, domainSource } = row;
  const { host, port } = row.destination;
  const isDecided = row.rule !== undefined;
  useEffect(() => {
    let wanted = true;
    const learn = (part: Partial<Trace>) => {
      if (!wanted) return;
      setTrace((known) => ({ id, trace: { ...(known.id === id ? known.trace : nothing), ...part } }));
    };
    if (domainSource !== undefined) {
      void readOnce(bridge, 'dnsLog', { search: host.slice(0, 200), limit: questionLimit }).then((rows) =>
        learn({ question: rows === undefined ? undefined : lastQuestion(rows, host, openedAt) }),
      );
    }
    if (fakeIp !== undefined) {
      void readOnce(bridge, 'mappings', { search: fakeIp, limit: questionLimit }).then((rows) =>
        learn({ mapping: rows?.find(({ address, address6 }) => address === fakeIp || address6 === fakeIp) }),
      );
    }
    if (isDecided) {
      bridge.call('testRule', { host, port, network, flow: id }).then(
        (rules) => learn({ rules }),
        () => learn({ rules: undefined }),
      );
    }
    return () => {
      wanted = false;
    };
  }, [bridge, id, host, port, network, fakeIp, openedAt, domainSource, isDecided]);
  return trace.id === id ? trace.trace : nothing;
}

function lastQuestion(rows: readonly DnsRow[], host: string, openedAt: number): DnsRow | undefined {
  return rows
    .filter((row) => row.name === host && row.verdict !== 'recovered' && row.time <= openedAt + slack)
    .toSorted((a, b) => b.time - a.time)[0];
}
