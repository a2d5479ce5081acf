/** Every DNS question with its answer, newest first. */
import { ScrollText } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { DnsRow } from '../../../core/contract/dns.ts';
import { errorDataOf } from '../../bridge/error-data.ts';
import { DataGrid } from '../../components/data-grid/DataGrid.tsx';
import { useTableRows } from '../../components/data-grid/use-table-rows.ts';
import { useTableView } from '../../components/data-grid/use-table-view.ts';
import { TablePage } from '../../components/TablePage.tsx';
import { rowOf } from '../../stores/row-table.ts';
import { useServices } from '../../stores/services.ts';
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
  const [asking, setAsking] = useState<Question | undefined>();
  const { outcome, ask, forget } = useAsk();
  const view = useTableView('dns', dnsSearch, useDnsColumns(), newestFirst);
  const table = useTableRows(dnsLog, view);
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
        view={view}
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
          {...view.told}
          rows={table.rows}
          entryKey={dnsKey}
          renderMenu={({ row }) => <DnsMenu row={row} onAsk={() => askAgain(row)} />}
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
