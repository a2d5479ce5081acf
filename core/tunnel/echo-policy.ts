/**
 * What becomes of pings: they go out where the rules say DIRECT for the address, by name where that is known. A proxy cannot
 * carry them, and to send them around it would tell where the machine is: they are refused like those that a rule rejects.
 */
import { type Ip, ipFamily } from '../base/address.ts';
import { AppError } from '../base/app-error.ts';
import type { Logger } from '../base/logger.ts';
import type { ErrorCode } from '../contract/error.ts';
import type { EchoAsked, EchoVerdict } from '../inbound/flow-engine.ts';
import { rejectHowOf } from '../outbound/dial-error.ts';
import type { AddressNames, FakeIpView } from './enrich.ts';
import { enrich } from './enrich.ts';
import { decide, type FlowPolicy } from './policy.ts';

export interface EchoPolicyOptions {
  /** Of the configuration in force. */
  readonly policy: () => FlowPolicy;
  readonly fakeIp: FakeIpView;
  readonly names: AddressNames;
  readonly resolver: { resolve(name: string, signal: AbortSignal): Promise<readonly Ip[]> };
  readonly log: Logger;
  /** Milliseconds after which nobody waits any more. */
  readonly timeoutMs: number;
}

const refused: EchoVerdict = { kind: 'refuse', how: 'prohibited' };

export class EchoPolicy {
  readonly #options: EchoPolicyOptions;

  constructor(options: EchoPolicyOptions) {
    this.#options = options;
  }

  /** Never rejects: whatever cannot be decided is refused. */
  async decide(asked: EchoAsked): Promise<EchoVerdict> {
    const { log } = this.#options;
    try {
      const { verdict, host, policy } = await this.#decide(asked);
      log.info('ping', { source: asked.source, destination: asked.destination, host, policy, verdict: verdict.kind });
      return verdict;
    } catch (caught) {
      const { code, message } = AppError.from(caught);
      log.info('ping', { source: asked.source, destination: asked.destination, verdict: 'refuse', reason: message });
      return { kind: 'refuse', how: howOf(code) };
    }
  }

  async #decide({ source, destination }: EchoAsked): Promise<{ verdict: EchoVerdict; host: string; policy: string }> {
    const { fakeIp, names, resolver, timeoutMs } = this.#options;
    const signal = AbortSignal.timeout(timeoutMs);
    const to = { host: destination, port: 0 };
    // As TCP: of UDP a rule is passed over whose proxy cannot carry it, and the ping would go around that proxy.
    const enriched = enrich(
      { network: 'tcp', inbound: 'tun', source: { host: source, port: 0 }, destination: to, originalDestination: to },
      fakeIp,
      names,
    );
    if (enriched.kind === 'unknown') throw new AppError('FAKE_IP_UNKNOWN_ADDRESS', 'the fake address means nothing');
    const { metadata } = enriched;
    const { route } = await decide(
      this.#options.policy(),
      { metadata, withProcess: async () => metadata },
      async (name) => {
        const [first] = await resolver.resolve(name, signal);
        return first;
      },
    );
    const { outbound } = route;
    const told = { host: metadata.destination.host, policy: outbound.tag };
    // A name that is only remembered is no reason to ping another address.
    const target = enriched.kind === 'guessed' ? to : metadata.destination;
    if (outbound.way === 'proxied') return { verdict: refused, ...told };
    const plan = await outbound.plan(target, 'icmp', signal);
    if (plan.kind === 'reject') {
      return { verdict: { kind: 'refuse', how: plan.how === 'drop' ? 'silence' : 'prohibited' }, ...told };
    }
    if (plan.layers.length > 0) return { verdict: refused, ...told };
    // A ping of one IP version cannot be answered by the other.
    const hops = plan.hops.filter(({ address }) => ipFamily(address) === ipFamily(destination));
    if (hops.length === 0) throw new AppError('DIAL_HOST_UNREACHABLE', 'it has no address of this IP version');
    return { verdict: { kind: 'direct', hops }, ...told };
  }
}

/** What is not forbidden, but cannot be had, is told as the network would. */
function howOf(code: ErrorCode): 'prohibited' | 'no-route' | 'unreachable' {
  const how = rejectHowOf(code, 'udp');
  return how === 'no-route' || how === 'unreachable' ? how : 'prohibited';
}
