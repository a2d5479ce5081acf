/** Follows aliases that a server leaves open: some answer a CNAME and not what it leads to. */
import { normaliseDomain } from '../../base/domain.ts';
import type { DnsMessage } from '../../net/dns-message.ts';
import { withAskedCase } from './name-case.ts';
import type { DnsAnswer, Question, Resolver } from './resolver.ts';

/** More are a loop, or not worth following. */
const maxHops = 8;

export class AliasResolver implements Resolver {
  readonly #inner: Resolver;

  constructor(inner: Resolver) {
    this.#inner = inner;
  }

  /** The target is asked of whoever answers for its name; where that fails, the answer is given as it came. */
  async query(question: Question, signal: AbortSignal): Promise<DnsAnswer> {
    let answer = await this.#inner.query(question, signal);
    const seen = new Set([question.name]);
    for (let hops = 0; hops < maxHops; hops++) {
      const target = openTarget(answer.message, question);
      if (target === undefined || seen.has(target)) return answer;
      seen.add(target);
      const next = await this.#inner.query({ ...question, name: target }, signal).catch(() => undefined);
      const { rcode, answers, authorities, authenticData } = next === undefined ? {} : lettered(next.message, target);
      if (answers === undefined || authorities === undefined || (rcode !== 'NOERROR' && rcode !== 'NXDOMAIN'))
        return answer;
      const { message } = answer;
      const all = { rcode, answers: [...message.answers, ...answers], authorities };
      // The whole is validated if each part is (RFC 4035 section 3.2.3).
      answer = {
        ...answer,
        message: { ...message, ...all, authenticData: message.authenticData && authenticData === true },
      };
    }
    return answer;
  }
}

/** Names with the letters of the alias that led to them. */
function lettered(message: DnsMessage, target: string): DnsMessage {
  return withAskedCase(message, message.questions[0]?.name ?? target, target);
}

/** Where the aliases lead when the answer has nothing but them, and no SOA to say that there is nothing. */
function openTarget({ rcode, answers, authorities }: DnsMessage, { name, type }: Question): string | undefined {
  if (rcode !== 'NOERROR' || answers.length === 0 || type === 'CNAME' || type === 'ANY') return undefined;
  if (authorities.some((record) => record.type === 'SOA')) return undefined;
  const targets = new Map<string, string>();
  for (const record of answers) {
    if (record.type === 'CNAME' && typeof record.data === 'string')
      targets.set(normaliseDomain(record.name), normaliseDomain(record.data));
    else if (record.type !== 'RRSIG' && record.type !== 'DNAME') return undefined;
  }
  let end = name;
  for (let hops = 0; hops <= answers.length; hops++) {
    const next = targets.get(end);
    if (next === undefined) return end === name ? undefined : end;
    end = next;
  }
  return undefined;
}
