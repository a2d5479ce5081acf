/** Whether a host near to us is asked depends on how far whoever names it is. */
import { expect, test } from 'vitest';
import { systemClock } from '../../../../core/base/clock.ts';
import { anywhere } from '../../../../core/base/nearness.ts';
import { Downloader } from '../../../../core/provider/download/download.ts';
import { answers, SubscriptionServer } from '../../../support/subscription-server.ts';

test('nothing near is asked that somebody far away names', async () => {
  const server = await SubscriptionServer.start();
  server.routes.set('/a', answers.text('rules'));
  const downloader = new Downloader({ clock: systemClock, proxy: () => undefined, version: '1' });
  const get = (host: string, from: number) =>
    downloader.get({ url: `http://${host}:${server.port}/a`, maxBytes: 1024, from });
  for (const host of ['127.0.0.1', 'localhost']) {
    await expect(get(host, anywhere)).rejects.toMatchObject({ code: 'DOWNLOAD_FAILED' });
    expect(await get(host, 0)).toMatchObject({ kind: 'fresh' });
  }
  expect(server.asked).toHaveLength(2);
  await server.stop();
});
