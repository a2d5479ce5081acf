/** `mirage check --explain KEY`: what a key of a profile means and what becomes of it here. Needs no helper, and no profile. */
import { AppError } from '../base/app-error.ts';
import { hintTexts, problemTexts } from '../contract/problem-texts.ts';
import { exampleLines, fateOfKey, type KeyUnit, type KeyValue, type ProfileKey } from '../contract/profile-key.ts';
import { keyText, profileKeys } from '../contract/profile-keys.ts';
import type { KeyFate } from '../contract/profile-notes.ts';
import { explainKey } from '../profile/explain-key.ts';
import type { CommandContext } from './command-context.ts';

/** Keys that shells complete. */
export const explainableKeys: readonly string[] = profileKeys.map(({ path }) => path.replaceAll('[]', ''));

const fateTexts: Readonly<Record<KeyFate, string>> = {
  supported: 'supported',
  differently: 'supported differently',
  ignored: 'ignored, and it does no harm',
  later: 'not supported yet',
};
const unitTexts: Readonly<Record<KeyUnit, string>> = { s: 'seconds', ms: 'milliseconds', h: 'hours', bytes: 'bytes' };

/** Throws RPC_BAD_PARAMS when there is no such key, with those that may have been meant. */
export function explain({ console }: CommandContext, asked: string, { json }: { json: boolean }): void {
  const answer = explainKey(asked);
  if (answer.kind === 'unknown') {
    const expected = answer.near.length === 0 ? 'a key such as dns.nameserver' : `perhaps ${answer.near.join(', ')}`;
    throw new AppError('RPC_BAD_PARAMS', `there is no key "${asked.slice(0, 100)}"`, { expected });
  }
  if (json) return console.json(answer.keys.map(dataOf));
  for (const [i, key] of answer.keys.entries()) {
    if (i > 0) console.line();
    const data = dataOf(key);
    console.line(
      `${console.paint('bold', data.key)}${data.only === undefined ? '' : ` (of ${data.only})`}: ${data.fateText}`,
    );
    const rows = [
      ['means', data.meaning],
      ['why', data.why],
      ['value', data.value],
      ['default', data.usual],
    ].flatMap(([name, text]) => (text === undefined ? [] : [`  ${console.paint('dim', `${name}:`)} ${text}`]));
    for (const row of rows) console.line(row);
    if (data.example !== undefined) for (const line of data.example) console.line(`    ${line}`);
  }
}

function dataOf(key: ProfileKey) {
  const { path, only, note, usual } = key;
  const meaning = keyText(path);
  const fate = fateOfKey(key);
  return {
    key: path.replaceAll('[]', ''),
    fate,
    fateText: fateTexts[fate],
    ...(only === undefined ? {} : { only }),
    ...(meaning === undefined ? {} : { meaning }),
    ...(note === undefined ? {} : { why: problemTexts[note] }),
    // Of a key that changes nothing any value is right.
    ...(meaning === undefined ? {} : { value: valueText(key.value), usual, example: exampleLines(key) }),
  };
}

function valueText(value: KeyValue): string {
  switch (value.kind) {
    case 'boolean':
      return hintTexts.BOOLEAN;
    case 'integer': {
      const unit = value.unit === undefined ? '' : `, in ${unitTexts[value.unit]}`;
      const range =
        value.max === Number.MAX_SAFE_INTEGER ? `of at least ${value.min}` : `from ${value.min} to ${value.max}`;
      return `a whole number ${range}${unit}`;
    }
    case 'words':
      return `one of ${value.words.join(', ')}`;
    case 'list':
    case 'map':
    case 'text': {
      const hint = value.hint === undefined ? undefined : hintTexts[value.hint];
      const kind = value.kind === 'text' ? hintTexts.TEXT : value.kind === 'map' ? hintTexts.MAP : 'a list';
      return hint === undefined || hint === kind ? kind : `${kind}: ${hint}`;
    }
  }
}
