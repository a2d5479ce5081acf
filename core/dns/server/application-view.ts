/** What an application that asks would be answered: the question goes the way of all questions, and people see the result. */
import { AppError } from '../../base/app-error.ts';
import type { Clock } from '../../base/clock.ts';
import type { Params, Result } from '../../contract/rpc.ts';
import { isEncodableName, queryFor } from '../../net/dns-message.ts';
import { recordDataText } from '../../net/dns-record-text.ts';
import { parseRecordType } from '../../net/dns-record-type.ts';
import type { QuestionRouter } from './dns-server.ts';

/**
 * Asks the router as `client` would. Rejects with RPC_BAD_PARAMS for a name or type that cannot be asked. A fake address in
 * the answer is a real allocation, as it is for an application.
 */
export async function askAsApplication(
  router: QuestionRouter,
  question: Params<'dnsQuery'>,
  client: string,
  clock: Clock,
  signal: AbortSignal,
): Promise<Result<'dnsQuery'>> {
  const type = parseRecordType(question.type);
  if (type === undefined) {
    throw new AppError('RPC_BAD_PARAMS', `"${question.type}" is no record type`, {
      expected: 'A, AAAA, TXT, TYPE65, ...',
    });
  }
  if (!isEncodableName(question.name)) {
    throw new AppError('RPC_BAD_PARAMS', `"${question.name}" is no domain name`, {
      expected: 'a name such as example.com',
    });
  }
  const begun = clock.monotonic();
  const name = question.name === '.' || !question.name.endsWith('.') ? question.name : question.name.slice(0, -1);
  const { message, verdict, upstream, upstreamMs } = await router.answer(
    queryFor(0, name, type, undefined),
    client,
    signal,
  );
  return {
    rcode: message.rcode,
    verdict,
    ...(upstream === undefined ? {} : { upstream }),
    ...(upstreamMs === undefined ? {} : { upstreamMs }),
    answers: message.answers.map((record) => ({
      name: record.name,
      type: record.type,
      ttl: record.ttl,
      data: recordDataText(record),
    })),
    ms: clock.monotonic() - begun,
  };
}
