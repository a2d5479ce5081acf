/** The mixed port as configured: on or off, moved by a reload. A port that is taken is standing trouble, not a failure. */
import { randomBytes } from 'node:crypto';
import { formatEndpoint, isLoopback } from '../base/address.ts';
import { AppError } from '../base/app-error.ts';
import { causeOf } from '../base/cause-of.ts';
import { Emitter } from '../base/emitter.ts';
import type { MixedConfig } from '../contract/config.ts';
import type { Snapshot } from '../contract/status.ts';
import { warningOf } from '../contract/warning-texts.ts';
import { MixedInbound, type MixedInboundServices } from '../inbound/mixed-inbound.ts';
import type { HealthSink } from '../system/health-sink.ts';

export class MixedPort {
  /** Every change of `endpoint`. */
  readonly changed = new Emitter<void>();
  readonly #services: MixedInboundServices;
  readonly #health: HealthSink;
  #listening: { readonly config: MixedConfig; readonly inbound: MixedInbound; readonly policyKey: string } | undefined;

  constructor(services: MixedInboundServices, health: HealthSink) {
    this.#services = services;
    this.#health = health;
  }

  /** Where it listens; null while it does not. */
  get endpoint(): Snapshot['mixed'] {
    const endpoint = this.#listening?.inbound.endpoint;
    return endpoint === undefined ? null : { address: endpoint.host, port: endpoint.port };
  }

  /** With which the app says which policy a download takes; another one for each configuration. Null while it does not listen. */
  get policyKey(): string | null {
    return this.#listening?.policyKey ?? null;
  }

  /** Listens as configured, null = not at all. Never rejects; calls must not overlap. */
  async apply(config: MixedConfig | null): Promise<void> {
    if (this.#listening !== undefined && JSON.stringify(this.#listening.config) === JSON.stringify(config)) return;
    const before = this.#listening;
    this.#listening = undefined;
    await before?.inbound.stop();
    this.#health.clear('MIXED_PORT_BUSY');
    this.#health.clear('MIXED_PORT_OPEN');
    if (config !== null) await this.#listen(config);
    if (before !== undefined || this.#listening !== undefined) this.changed.emit();
  }

  async #listen(config: MixedConfig): Promise<void> {
    const policyKey = randomBytes(32).toString('hex');
    const inbound = new MixedInbound(config, this.#services, undefined, policyKey);
    try {
      await inbound.start();
      this.#listening = { config, inbound, policyKey };
      if (config.users.length === 0 && !isLoopback(config.address)) this.#raiseOpen(config);
    } catch (caught) {
      const { message } = AppError.from(caught);
      this.#services.log.warning('the mixed port cannot be opened', { reason: message });
      this.#health.raise(
        warningOf('MIXED_PORT_BUSY', {
          endpoint: formatEndpoint({ host: config.address, port: config.port }),
          reason: causeOf(caught),
        }),
      );
    }
  }

  #raiseOpen({ address, port }: MixedConfig): void {
    this.#health.raise(warningOf('MIXED_PORT_OPEN', { endpoint: formatEndpoint({ host: address, port }) }));
  }
}
