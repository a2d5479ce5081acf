/** The look at where packets go, as a tunnel has it. */
import { AppError } from '../base/app-error.ts';
import { Egress } from '../outbound/egress.ts';
import type { ConfigGraph } from './config-graph.ts';
import type { LastingState } from './lasting-state.ts';
import { PathCheck } from './path-check.ts';
import { SocketProbe } from './path-probe.ts';
import type { TunnelMachine } from './tunnel-machine.ts';
import { socketMark, type TunnelServices } from './tunnel-services.ts';

export interface PathCheckParts {
  readonly services: Pick<TunnelServices, 'sockets' | 'natTarget' | 'hasOutputNat' | 'health' | 'clock' | 'log'>;
  /** In force. */
  readonly graph: () => ConfigGraph;
  readonly lasting: LastingState;
  readonly egress: Pick<Egress, 'isLocal'>;
  readonly machine: TunnelMachine;
}

const dnsPort = 53;
const unbound = { deviceFor: () => null };

export function makePathCheck({ services, graph, lasting, egress, machine }: PathCheckParts): PathCheck {
  const log = services.log.child('path');
  const check = new PathCheck({
    probe: new SocketProbe({
      ...services,
      asProgram: new Egress(services.sockets, unbound, 0),
      asOurselves: new Egress(services.sockets, unbound, socketMark),
    }),
    desk: () => {
      const { range } = graph().pool;
      return { server: { host: range.dnsAddress, port: dnsPort }, range: range.text };
    },
    servers: () => graph().plainServers(),
    isLocal: (address) => egress.isLocal(address),
    places: lasting.dns.places,
    onPlaces: () => {
      graph().ownServers.forget();
      graph().dns.reset();
    },
    refresh: () =>
      machine.refresh('routes').catch((error: unknown) => {
        log.error('routes could not be renewed', { reason: AppError.from(error).message });
      }),
    health: services.health,
    clock: services.clock,
    log,
  });
  machine.changed.on(({ kind }) => {
    if (kind === 'running') check.start();
    else if (kind === 'stopped' || kind === 'error') check.stop();
  });
  return check;
}
