import { beforeEach, describe, expect, test } from 'vitest';
import { AppError } from '../../../core/base/app-error.ts';
import type { StreamFlow } from '../../../core/inbound/inbound.ts';
import type { Stream } from '../../../core/net/stream.ts';
import { settle } from '../../support/manual-clock.ts';
import { memoryStreams } from '../../support/memory-flow-engine.ts';
import { readAll } from '../net/loopback.ts';
import { Stage } from './stage.ts';

let stage: Stage;
beforeEach(() => {
  stage = new Stage();
});

describe('a flow of the mixed port', () => {
  const events: string[] = [];
  let application: Stream;

  function flow(host = 'web.example'): StreamFlow {
    events.length = 0;
    const destination = { host, port: 80 };
    return {
      kind: 'stream',
      metadata: {
        network: 'tcp',
        inbound: 'mixed',
        source: { host: '127.0.0.1', port: 5 },
        destination,
        originalDestination: destination,
        domainSource: 'inbound',
      },
      local: { host: '127.0.0.1', port: 7890 },
      accept: () => {
        events.push('accepted');
        const [ours, theirs] = memoryStreams();
        application = theirs;
        return ours;
      },
      reject: (error) => events.push(`rejected ${error.code}`),
    };
  }

  test('takes the same path: rule, dial by name, relay, one line', async () => {
    const [ours, server] = memoryStreams();
    const asked: unknown[] = [];
    stage.far.dialled = (to, { timeoutMs }) => {
      asked.push([to, timeoutMs]);
      return Promise.resolve(ours);
    };
    stage.dispatcher.dispatch(flow());
    expect(events).toEqual([]);
    await settle();
    expect(asked).toEqual([[{ host: 'web.example', port: 80 }, 5000]]);
    expect(events).toEqual(['accepted']);
    application.writable.end('up');
    server.writable.end('down!');
    await Promise.all([readAll(server.readable), readAll(application.readable)]);
    await settle();
    expect(stage.row('1')).toMatchObject({ inbound: 'mixed', state: 'closed', up: 2, down: 5, closeReason: 'done' });
    expect(stage.log).toHaveLength(1);
  });

  test('to a name of the network: a proxy is told its address; one that the network does not know is not found', async () => {
    const asked: unknown[] = [];
    stage.far.dialled = (to) => {
      asked.push(to);
      return Promise.reject(new AppError('DIAL_TIMEOUT', 'silence'));
    };
    for (const name of ['nas.lan', 'typo.lan', 'web.example']) stage.dispatcher.dispatch(flow(name));
    await settle();
    expect(asked).toEqual([
      { host: '192.168.1.2', port: 80 },
      { host: 'web.example', port: 80 },
    ]);
    expect(stage.row('1').destination.host).toBe('nas.lan');
    expect(stage.row('2').error?.code).toBe('DIAL_NAME_NOT_FOUND');
    expect(stage.failedNames.map(([name]) => name)).toEqual(['web.example']);
  });

  test('is told why not', async () => {
    stage.far.dialled = () => Promise.reject(new AppError('DIAL_TIMEOUT', 'silence'));
    stage.dispatcher.dispatch(flow());
    await settle();
    expect(events).toEqual(['rejected DIAL_TIMEOUT']);
    expect(stage.row('1')).toMatchObject({ state: 'closed', closeReason: 'failed', error: { code: 'DIAL_TIMEOUT' } });
  });

  test('to a fake address goes by its name', async () => {
    stage.dispatcher.dispatch(flow('198.18.3.2'));
    await settle();
    expect(stage.row('1').destination.host).toBe('host2.example');
    expect(stage.pool[0]).toBe('opened 198.18.3.2');
  });

  test('whose client leaves cancels the dial; a connection that comes late is reset', async () => {
    const late = Promise.withResolvers<Stream>();
    let signal: AbortSignal | undefined;
    stage.far.dialled = (_to, options) => {
      signal = options.signal;
      return late.promise;
    };
    const dispatched = stage.dispatcher.dispatch(flow());
    await settle();
    dispatched.ended({ up: 0, down: 0, reason: 'abandoned' });
    expect(signal?.aborted).toBe(true);
    const [ours] = memoryStreams();
    late.resolve(ours);
    await settle();
    expect(ours.readable.destroyed).toBe(true);
    expect(events).toEqual([]);
    expect(stage.row('1')).toMatchObject({ closeReason: 'abandoned' });
  });

  test('closed by hand while dialling is refused, while open is reset', async () => {
    const late = Promise.withResolvers<Stream>();
    stage.far.dialled = () => late.promise;
    stage.dispatcher.dispatch(flow());
    await settle();
    stage.flows.close('1');
    expect(events).toEqual(['rejected DIAL_REJECTED']);
    expect(stage.row('1')).toMatchObject({ state: 'closed', closeReason: 'closed' });

    const [ours, server] = memoryStreams();
    stage.far.dialled = () => Promise.resolve(ours);
    stage.dispatcher.dispatch(flow());
    await settle();
    stage.flows.close('2');
    await settle();
    expect(stage.row('2')).toMatchObject({ state: 'closed', closeReason: 'closed' });
    expect(server.readable.destroyed).toBe(true);
    expect(application.readable.destroyed).toBe(true);
  });

  test('its process is found by its own connection to us', async () => {
    stage.dispatcher.dispatch(flow());
    await settle();
    expect(stage.processAsked).toEqual([{ host: '127.0.0.1', port: 7890 }]);
  });
});
