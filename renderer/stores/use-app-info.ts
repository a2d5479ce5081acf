/** Version, home and profile, as the app process tells them; asked for when a page that shows them appears. */
import { useEffect, useState } from 'react';
import type { AppInfo } from '../../core/contract/app.ts';
import type { ErrorData } from '../../core/contract/error.ts';
import { errorDataOf } from '../bridge/error-data.ts';
import { useLive, useServices } from './services.ts';

export interface AppInfoState {
  /** Undefined until answered. */
  readonly info: AppInfo | undefined;
  readonly error: ErrorData | undefined;
  /** Takes a newer answer, e.g. that of `reloadProfile`. */
  readonly setInfo: (info: AppInfo) => void;
}

export function useAppInfo(): AppInfoState {
  const { bridge } = useServices();
  const open = useLive((state) => state.home.kind === 'open');
  const [info, setInfo] = useState<AppInfo | undefined>();
  const [error, setError] = useState<ErrorData | undefined>();
  useEffect(() => {
    if (!open) return undefined;
    let wanted = true;
    const ask = async () => {
      try {
        const answer = await bridge.call('getAppInfo', {});
        if (!wanted) return;
        setInfo(answer);
        setError(undefined);
      } catch (caught) {
        if (wanted) setError(errorDataOf(caught));
      }
    };
    void ask();
    return () => {
      wanted = false;
    };
  }, [bridge, open]);
  return { info, error, setInfo };
}
