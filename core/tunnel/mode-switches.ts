/** The switches that stand above a configuration: who decides about a flow, and how names are answered. */
import type { Config, PolicyMode } from '../contract/config.ts';
import type { DnsMode } from '../contract/dns-config.ts';
import type { Snapshot } from '../contract/status.ts';
import type { LastingState } from './lasting-state.ts';

export class ModeSwitches {
  readonly #lasting: Pick<LastingState, 'dns' | 'policies'>;
  readonly #config: () => Config;

  /** `config`: the one in force. */
  constructor(lasting: Pick<LastingState, 'dns' | 'policies'>, config: () => Config) {
    this.#lasting = lasting;
    this.#config = config;
  }

  /** In force, and whether it was chosen by switch instead of by the profile. */
  dnsMode(): Snapshot['dnsMode'] {
    const { chosenMode } = this.#lasting.dns;
    return { mode: chosenMode ?? this.#config().dns.mode, chosen: chosenMode !== null };
  }

  /** Instead of the profile's; null = as the profile says. Nothing is built anew: the next question is answered so. */
  chooseDnsMode(mode: DnsMode | null): void {
    this.#lasting.dns.chooseMode(mode);
  }

  /** In force, and whether it was chosen by switch instead of by the profile. */
  mode(): Snapshot['mode'] {
    const { chosenMode } = this.#lasting.policies;
    return { mode: chosenMode ?? this.#config().mode, chosen: chosenMode !== null };
  }

  /** Instead of the profile's; null = as the profile says. Open flows keep their way. */
  chooseMode(mode: PolicyMode | null): void {
    this.#lasting.policies.chooseMode(mode);
  }
}
