/** The mixed port as configured: on or off, moved by a reload. A port that is taken is standing trouble, not a failure. */
import { formatEndpoint, isLoopback } from '../base/address.ts';
import { AppError } from '../base/app-error.ts';
import { Emitter } from '../base/emitter.ts';
import type { MixedConfig } from '../contract/config.ts';
import type { Snapshot } from '../contract/status.ts';
import { MixedInbound, type MixedInboundServices } from '../inbound/mixed-inbound.ts';
import type { HealthSink } from '../system/health-sink.ts';

export class MixedPort {
  /** Every change of `endpoint`. */
  readonly changed = new Emitter<void>();
  readonly #services: MixedInboundServices;
  readonly #health: HealthSink;
  #listening: { readonly config: MixedConfig; readonly inbound: MixedInbound } | undefined;

  constructor(services: MixedInboundServices, health: HealthSink) {
    this.#services = services;
    this.#health = health;
  }

  /** Where it listens; null while it does not. */
  get endpoint(): Snapshot['mixed'] {
    const endpoint = this.#listening?.inbound.endpoint;
    return endpoint === undefined ? null : { address: endpoint.host, port: endpoint.port };
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
    const inbound = new MixedInbound(config, this.#services);
    try {
      await inbound.start();
      this.#listening = { config, inbound };
      if (config.users.length === 0 && !isLoopback(config.address)) this.#raiseOpen(config);
    } catch (caught) {
      const { message } = AppError.from(caught);
      this.#services.log.warning('the mixed port cannot be opened', { reason: message });
      this.#health.raise({
        code: 'MIXED_PORT_BUSY',
        severity: 'warning',
        title: `The mixed port ${formatEndpoint({ host: config.address, port: config.port })} cannot be opened`,
        text: `${message}. Programs that use it explicitly cannot connect; Enhanced Mode works without it.`,
        action: 'End the other program, or choose another mixed-port, then reload the profile.',
      });
    }
  }

  #raiseOpen({ address, port }: MixedConfig): void {
    this.#health.raise({
      code: 'MIXED_PORT_OPEN',
      severity: 'warning',
      title: 'The mixed port is open to the network without a password',
      text: `Whoever reaches ${formatEndpoint({ host: address, port })} can use your proxies and reach what this machine reaches.`,
      action: 'Listen on 127.0.0.1, or give users and passwords.',
    });
  }
}
