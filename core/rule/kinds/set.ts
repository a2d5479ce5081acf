/** Rules that look into a set: of a rule provider, or a list of geodata. */
import { bad, type NoteHint, never, note, ok, type PayloadReading, type SetKind } from '../rule-kind.ts';

export const ruleSet: SetKind = {
  is: 'set',
  end: 'destination',
  holds: 'anything',
  ofSource: 'RULE-SET',
  read: (payload) => ok(payload),
};

/** Codes of any case; `cn@attribute` are those entries of a list that have the attribute. */
export const geosite: SetKind = {
  is: 'set',
  end: 'destination',
  holds: 'names',
  read: (payload) => readCode(payload, /^!?[\w!-]+(?:@[\w!-]+)*$/, 'RULE_GEOSITE'),
};

const country = (payload: string): PayloadReading => readCode(payload, /^!?[\w-]+$/, 'RULE_GEOIP');

export const geoip: SetKind = {
  is: 'set',
  end: 'destination',
  holds: 'addresses',
  ofSource: 'SRC-GEOIP',
  read: country,
};
export const sourceGeoip: SetKind = { is: 'set', end: 'source', holds: 'addresses', read: country };

const system = (payload: string): PayloadReading => {
  const number = payload.replace(/^as(?=\d+$)/i, '');
  return /^\d{1,10}$/.test(number) ? ok(number) : never(`"${payload}" is not the number of a network`, 'RULE_ASN');
};

export const asn: SetKind = {
  is: 'set',
  end: 'destination',
  holds: 'addresses',
  ofSource: 'SRC-IP-ASN',
  read: system,
};
export const sourceAsn: SetKind = { is: 'set', end: 'source', holds: 'addresses', read: system };

function readCode(payload: string, form: RegExp, hint: NoteHint): PayloadReading {
  return form.test(payload) ? ok(payload) : bad(note('RULE_CODE', { found: payload }, hint));
}
