/** Grey lines where rows will be; they appear only when the rows take longer than a blink. */
import { useTranslation } from 'react-i18next';
import './data-grid.css';

const widths = [62, 48, 70, 55, 66, 44, 58, 72, 50, 64];

export function GridSkeleton() {
  const { t } = useTranslation();
  return (
    <div className="grid-skeleton" role="status" aria-label={t('grid.loading')}>
      {widths.map((width) => (
        <div key={width}>
          <span style={{ width: `${width}%` }} />
        </div>
      ))}
    </div>
  );
}
