/** Every DNS question with its answer, newest first. */
import { ScrollText } from 'lucide-react';
import { useMemo, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { DnsRow } from '../../../core/contract/dns.ts';
import { errorDataOf } from '../../bridge/error-data.ts';
import { DataGrid } from '../../components/data-grid/DataGrid.tsx';
import { useGridLayout } from '../../components/data-grid/use-grid-layout.ts';
import { useTableRows } from '../../components/data-grid/use-table-rows.ts';
import { TablePage } from '../../components/TablePage.tsx';
import { rowOf } from '../../stores/row-table.ts';
import { useServices, useUi } from '../../stores/services.ts';
import { useKept } from '../../stores/use-kept.ts';
import { compileFilter } from '../../text/filter.ts';
import { plainText } from '../../text/plain-text.ts';
import { AskDialog } from './AskDialog.tsx';
import { DnsMenu } from './DnsMenu.tsx';
import { dnsKey, dnsRecord, dnsSearch } from './dns-fields.ts';
import { type Question, useAsk } from './use-ask.ts';
import { useDnsColumns } from './use-dns-columns.tsx';

const newestFirst = { column: 'time', direction: 'desc' } as const;
const anyQuestion: Question = { name: '', type: 'A' };

const saved = { record: dnsRecord, whole: rowOf };

export function DnsLogPage() {
  const { t } = useTranslation();
  const { dnsLog } = useServices();
  const [active, setActive] = useKept<string | undefined>('dns.active', undefined);
  const [asking, setAsking] = useState<Question | undefined>();
  const { outcome, ask, forget } = useAsk();
  const search = useUi((state) => state.searches.dns ?? '');
  const filter = useMemo(() => compileFilter(search, dnsSearch), [search]);
  const grid = useGridLayout('dns', useDnsColumns(), newestFirst);
  const table = useTableRows('dns', dnsLog, filter, grid);
  const askAny = () => {
    forget();
    setAsking(anyQuestion);
  };
  const askAgain = ({ name, type }: DnsRow) => {
    // Of a name that was recovered nobody has asked anything yet.
    const question = { name: plainText(name), type: type === '' ? anyQuestion.type : type };
    setAsking(question);
    void ask(question);
  };
  return (
    <>
      <TablePage
        page="dns"
        title={t('dns.title')}
        searchHint={t('dns.searchHint')}
        searchable={dnsSearch}
        grid={grid}
        table={table}
        saved={saved}
        actions={<DnsActions onAsk={askAny} />}
        empty={{
          icon: <ScrollText size={28} aria-hidden="true" />,
          title: t('dns.emptyTitle'),
          on: t('dns.emptyOn'),
          off: t('dns.emptyOff'),
        }}
      >
        <DataGrid
          label={t('dns.table')}
          grid={grid}
          rows={table.rows}
          entryKey={dnsKey}
          active={active}
          onActive={setActive}
          renderMenu={({ row }) => <DnsMenu row={row} onAsk={() => askAgain(row)} />}
          viewKey={search}
        />
      </TablePage>
      {asking === undefined ? null : (
        <AskDialog
          first={asking}
          outcome={outcome}
          onAsk={(question) => void ask(question)}
          onClose={() => setAsking(undefined)}
        />
      )}
    </>
  );
}

function DnsActions({ onAsk }: { onAsk: () => void }) {
  const { t } = useTranslation();
  const { bridge, notices } = useServices();
  const flush = async () => {
    try {
      const { answers } = await bridge.call('flushDnsCache', {});
      notices.say(t('dns.flushed', { count: answers }));
    } catch (caught) {
      notices.fail(t('dns.flushFailed'), errorDataOf(caught));
    }
  };
  return (
    <>
      <button type="button" className="button" title={t('dns.flushText')} onClick={() => void flush()}>
        {t('dns.flush')}
      </button>
      <button type="button" className="button" onClick={onAsk}>
        {t('dns.askAny')}
      </button>
    </>
  );
}
