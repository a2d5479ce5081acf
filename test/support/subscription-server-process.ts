/**
 * A server of subscriptions on a lab machine: `subscription-server-process.ts ADDRESS FILE`. What it answers at `/sub` and `/rules` is
 * named in the file at the moment of the request: how, and after a space what comes with it. Port 8000; 8443 has a bad certificate.
 */
import fs from 'node:fs';
import { TestAuthority } from './certificate.ts';
import { type Answer, answers, SubscriptionServer } from './subscription-server.ts';

const [, , host = '127.0.0.1', file = ''] = process.argv;

const ways: Readonly<Record<string, (body: string) => Answer>> = {
  text: (body) => answers.text(body),
  untyped: (body) => answers.text(body, { 'content-type': 'application/octet-stream' }),
  gzip: (body) => answers.gzip(body),
  'status-404': () => answers.status(404, 'gone'),
  'status-503': () => answers.status(503),
  'not-modified': () => answers.status(304),
  page: () => answers.page,
  zeros: () => answers.zeros(50),
  bomb: () => answers.bomb(200),
  cut: (body) => answers.cut(body),
  stalled: () => answers.stalled,
  redirect: (to) => answers.redirect(to),
};

const answer: Answer = (request, response) => {
  const [, way = '', body = ''] = /^(\S*) ?([\s\S]*)$/.exec(fs.readFileSync(file, 'utf8')) ?? [];
  console.log(`asked ${request.url} ${request.headers['if-none-match'] === undefined ? 'anew' : 'by tag'}`);
  (ways[way] ?? (() => answers.status(500)))(body)(request, response);
};

const bad = new TestAuthority().issue(['elsewhere.example']);
for (const server of [
  await SubscriptionServer.start(undefined, host, 8000),
  await SubscriptionServer.start(bad, host, 8443),
]) {
  for (const path of ['/sub', '/sub?token=s3cr3t', '/rules']) server.routes.set(path, answer);
  server.routes.set('/other', (request, response) => answers.text(fs.readFileSync(`${file}.other`))(request, response));
}
console.log('ready');
