import { describe, expect, test } from 'vitest';
import { renderResolvConf } from '../../../../../core/system/linux/system-dns/resolv-conf-text.ts';
import {
  type ResolvConfRecord,
  restoredState,
  stateBefore,
} from '../../../../../core/system/linux/system-dns/resolv-conf-undo.ts';
import type { ResolvConfState } from '../../../../../core/system/undo-record.ts';

const server = '198.18.0.2';
const file = (content: string): ResolvConfState => ({ kind: 'file', content, mode: 0o600, uid: 7, gid: 8 });
const previous = file('nameserver 10.0.0.1\n');
const ours = renderResolvConf(previous, { server });
const record: ResolvConfRecord = {
  kind: 'resolv-conf',
  id: '1',
  what: '',
  where: '',
  since: 0,
  previous,
  ours: { content: ours, servers: [server] },
};
const link: ResolvConfState = { kind: 'link', target: '/run/x', content: `nameserver ${server}\n` };

describe('what an undo puts there', () => {
  test.each<[string, ResolvConfState, ResolvConfState | undefined]>([
    ['our file: what was before', file(ours), previous],
    ['our file of other settings: what was before', file(renderResolvConf(previous, { server: '28.0.0.2' })), previous],
    ['an in-place write that died: what was before', file(''), previous],
    ['a file by somebody else: stays', file('nameserver 192.0.2.1\n'), undefined],
    ['a link by somebody else: stays', link, undefined],
    ['a link to a copy of our file: what was before', { ...link, content: ours }, previous],
    ['the beginning of our file: what was before', file(ours.slice(0, 60)), previous],
    ['our file whose first line is gone: what was before', file(ours.slice(ours.indexOf('\n') + 1)), previous],
    ['a foreign file with no server but ours: what was before', file(`# x\nnameserver ${server}\n`), previous],
    ['removed by somebody else: stays away', { kind: 'missing' }, undefined],
    [
      'a foreign file that copied our server: loses only that',
      file(`nameserver ${server}\nnameserver 192.0.2.1\n`),
      file('nameserver 192.0.2.1\n'),
    ],
  ])('%s', (_what, current, expected) => {
    expect(restoredState(current, previous, record.ours)).toEqual(expected);
  });

  test('an empty file stays empty when it was empty or missing before', () => {
    expect(restoredState(file(''), { kind: 'missing' }, record.ours)).toBeUndefined();
    expect(restoredState(file(''), file(''), record.ours)).toBeUndefined();
  });
});

describe('what counts as "before"', () => {
  test.each<[string, ResolvConfState, ResolvConfRecord | undefined, ResolvConfState]>([
    ['a foreign file: itself', previous, undefined, previous],
    ['our file with a record: the record', file(ours), record, previous],
    ['our file without a record: what it carries', file(ours), undefined, previous],
    ['a foreign write while active: that', file('nameserver 192.0.2.1\n'), record, file('nameserver 192.0.2.1\n')],
    ['a link: itself', link, record, link],
    ['a link to a copy of our file, with a record', { ...link, content: ours }, record, previous],
    [
      'a link to a copy of our file, without a record: what it carries',
      { ...link, content: ours },
      undefined,
      { kind: 'file', content: 'nameserver 10.0.0.1\n', mode: 0o644, uid: 0, gid: 0 },
    ],
    ['our file after an edit, with a record', file(`nameserver ${server}\n#| nameserver 10.0.0.1\n`), record, previous],
    ['nothing: nothing', { kind: 'missing' }, undefined, { kind: 'missing' }],
    [
      'a file that names our server: all but that',
      file(`nameserver ${server}\noptions a\n`),
      undefined,
      file('options a\n'),
    ],
    ['an interrupted in-place write: the record', file(''), record, previous],
  ])('%s', (_what, current, known, expected) => {
    expect(stateBefore(current, known, server)).toEqual(expected);
  });
});
