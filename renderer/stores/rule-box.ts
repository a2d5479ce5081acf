/** A rule of the person's own that is being made: asked for from any page, shown in one dialog. */
import { createStore, type StoreApi } from 'zustand/vanilla';

/** What the easy form offers; every other type is written in the override. */
export const easyRuleTypes = [
  'DOMAIN',
  'DOMAIN-SUFFIX',
  'DOMAIN-KEYWORD',
  'IP-CIDR',
  'PROCESS-NAME',
  'DST-PORT',
] as const;
export type EasyRuleType = (typeof easyRuleTypes)[number];

export interface RulePreset {
  readonly type: EasyRuleType;
  readonly payload: string;
}

export class RuleBox {
  /** Undefined while the dialog is closed. */
  readonly store: StoreApi<RulePreset | undefined> = createStore<RulePreset | undefined>(() => undefined);

  open(preset: RulePreset): void {
    this.store.setState(preset, true);
  }

  /** About the destination of a connection. */
  openFor(host: string): void {
    this.open(presetFor(host));
  }

  close(): void {
    this.store.setState(undefined, true);
  }
}

/** A name alone, or an address as a prefix of itself. */
export function presetFor(host: string): RulePreset {
  const bare = host.replace(/^\[|\]$/g, '');
  if (/^\d{1,3}(?:\.\d{1,3}){3}$/.test(bare)) return { type: 'IP-CIDR', payload: `${bare}/32` };
  if (bare.includes(':')) return { type: 'IP-CIDR', payload: `${bare}/128` };
  return { type: 'DOMAIN', payload: bare };
}

/** As it stands in a list of rules; addresses without looking names up. */
export function ruleOf({ type, payload }: RulePreset, policy: string): string {
  const option = type === 'IP-CIDR' ? ',no-resolve' : '';
  return `${type},${payload.trim()},${policy}${option}`;
}
