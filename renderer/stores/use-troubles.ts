/** What a person should look at: standing warnings of the helper, and a profile that is not applied. */
import { useMemo } from 'react';
import type { ProfileInfo } from '../../core/contract/app.ts';
import type { HealthWarning } from '../../core/contract/status.ts';
import { useLive } from './services.ts';

export type Trouble =
  | { readonly kind: 'profile'; readonly profile: ProfileInfo }
  | { readonly kind: 'warning'; readonly warning: HealthWarning };

const order = { error: 0, warning: 1, notice: 2 } as const;

/** The worst first. Notices are none. */
export function useTroubles(): readonly Trouble[] {
  const profile = useLive((state) => state.info?.profile ?? undefined);
  const warnings = useLive((state) => state.snapshot?.warnings);
  return useMemo(() => {
    const refused: Trouble[] = profile?.state === 'refused' ? [{ kind: 'profile', profile }] : [];
    const standing = (warnings ?? []).filter(({ severity }) => severity !== 'notice');
    return [...refused, ...bySeverity(standing).map((warning): Trouble => ({ kind: 'warning', warning }))];
  }, [profile, warnings]);
}

export function bySeverity<W extends Pick<HealthWarning, 'severity'>>(warnings: readonly W[]): W[] {
  return warnings.toSorted((a, b) => order[a.severity] - order[b.severity]);
}
