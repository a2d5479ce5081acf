import { describe, expect, test } from 'vitest';
import { PlainQuestionReader } from '../../../../core/dns/router/plain-question.ts';
import { decodeMessage } from '../../../../core/net/dns-decoder.ts';
import { encodeMessage } from '../../../../core/net/dns-encoder.ts';
import { queryFor } from '../../../../core/net/dns-message.ts';

const label = 'x'.repeat(63);
const header = [0x47, 0x11, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
const asked = (...labels: string[]): Uint8Array =>
  Uint8Array.from([...header, ...labels.flatMap((text) => [text.length, ...Buffer.from(text)]), 0, 0, 1, 0, 1]);

describe('the length of a name', () => {
  test.each([
    [253, [label, label, label, 'y'.repeat(53), 'example'], true],
    [254, [label, label, label, 'y'.repeat(54), 'example'], false],
    [253, [label, label, label, 'y'.repeat(61)], true],
    [254, [label, label, label, 'y'.repeat(62)], false],
  ])('%i characters', (length, labels, isName) => {
    const message = asked(...labels);
    expect(labels.join('.')).toHaveLength(length);
    const reader = new PlainQuestionReader();
    expect(reader.read(message, 0, message.length)).toBe(isName);
    expect(decodeMessage(message).ok).toBe(isName);
    if (isName) expect(reader.name).toBe(labels.join('.'));
  });
});

test('letters are folded, the bytes stay as asked', () => {
  const message = encodeMessage(queryFor(7, 'WwW.Example', 'AAAA', undefined));
  const reader = new PlainQuestionReader();
  expect(reader.read(message, 0, message.length)).toBe(true);
  expect(reader).toMatchObject({ name: 'www.example', type: 28, start: 0, questionEnd: message.length });
});
