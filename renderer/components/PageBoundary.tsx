/** A defect in one page must not take the window down: the switch stays within reach. */
import { Component, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { ErrorCard } from './ErrorCard.tsx';
import { PageHeader } from './PageHeader.tsx';

interface BoundaryState {
  readonly message: string | undefined;
}

export class PageBoundary extends Component<{ children: ReactNode }, BoundaryState> {
  override state: BoundaryState = { message: undefined };

  static getDerivedStateFromError(error: unknown): BoundaryState {
    return { message: error instanceof Error ? `${error.name}: ${error.message}` : String(error) };
  }

  override render(): ReactNode {
    return this.state.message === undefined ? this.props.children : <Crash message={this.state.message} />;
  }
}

function Crash({ message }: { message: string }) {
  const { t } = useTranslation();
  return (
    <>
      <PageHeader title={t('trouble.crashTitle')} />
      <div className="page-body">
        <p className="soft">{t('trouble.crashText')}</p>
        <ErrorCard error={{ code: 'INTERNAL', message }}>
          <button type="button" className="button button-primary" onClick={() => window.location.reload()}>
            {t('trouble.reload')}
          </button>
        </ErrorCard>
      </div>
    </>
  );
}
