/**
 * The letters of a question's name in random case (draft-vixie-dnsext-dns0x20): whoever answers without having seen the
 * question cannot repeat them. Pure but for the randomness it is given.
 */
import type { DnsMessage, DnsRecord } from '../../net/dns-message.ts';

/** The same name with the case of each ASCII letter as the bits say; `bits` answers that many random bytes. */
export function mixedCase(name: string, bits: (bytes: number) => Uint8Array): string {
  if (!/[a-z]/i.test(name)) return name;
  const random = bits(Math.ceil(name.length / 8));
  let mixed = '';
  for (let i = 0; i < name.length; i++) {
    const letter = name[i] ?? '';
    const up = (((random[i >> 3] ?? 0) >> (i & 7)) & 1) === 1;
    mixed += /[a-z]/i.test(letter) ? (up ? letter.toUpperCase() : letter.toLowerCase()) : letter;
  }
  return mixed;
}

/**
 * The answer with the name as it was asked instead of as it was sent, also where other names end as it does (their last
 * labels often are a pointer to the question's). Names in data that is not text or a flat object stay as they are.
 */
export function withAskedCase(message: DnsMessage, sent: string, asked: string): DnsMessage {
  if (sent === asked) return message;
  const name = (text: string): string => restored(text, sent, asked);
  const records = (list: readonly DnsRecord[]): DnsRecord[] =>
    list.map((record) => ({ ...record, name: name(record.name), data: dataWith(record, name) }));
  return {
    ...message,
    questions: message.questions.map((question) => ({ ...question, name: name(question.name) })),
    answers: records(message.answers),
    authorities: records(message.authorities),
    additionals: records(message.additionals),
  };
}

/** Types whose data is one name. */
const nameTypes: ReadonlySet<string> = new Set(['CNAME', 'DNAME', 'NS', 'PTR']);
/** Fields that are names, in the types whose data is an object. */
const nameFields: Readonly<Record<string, readonly string[]>> = {
  MX: ['exchange'],
  SRV: ['target'],
  SOA: ['mname', 'rname'],
};

function dataWith({ type, data }: DnsRecord, name: (text: string) => string): unknown {
  if (typeof data === 'string') return nameTypes.has(type) ? name(data) : data;
  const fields = nameFields[type];
  if (fields === undefined || typeof data !== 'object' || data === null) return data;
  return Object.fromEntries(
    Object.entries(data).map(([key, value]: [string, unknown]) => [
      key,
      typeof value === 'string' && fields.includes(key) ? name(value) : value,
    ]),
  );
}

/** The longest run of last labels that `text` shares with `sent` to the letter, put as in `asked`. */
function restored(text: string, sent: string, asked: string): string {
  for (let at = 0; ; ) {
    const suffix = sent.slice(at);
    if (text === suffix) return asked.slice(at);
    if (text.endsWith(suffix) && text[text.length - suffix.length - 1] === '.') {
      return text.slice(0, text.length - suffix.length) + asked.slice(at);
    }
    const dot = sent.indexOf('.', at);
    if (dot < 0) return text;
    at = dot + 1;
  }
}
