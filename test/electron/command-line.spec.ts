import { expect, test } from 'vitest';
import { readCommandLine } from '../../electron/command-line.ts';

const none = { enhanced: false, config: undefined, socket: undefined, developer: false };

test.each<[string[], object]>([
  [[], none],
  [['--enhanced'], { ...none, enhanced: true }],
  [
    ['--config', '/p.yaml', '--socket=/run/x', '--developer'],
    { ...none, config: '/p.yaml', socket: '/run/x', developer: true },
  ],
  [['--no-sandbox', '--inspect=0', '--remote-debugging-port=0', '/app', '--enhanced'], { ...none, enhanced: true }],
  [['--lang=zh-CN', '--ozone-platform-hint=auto', '--config', 'a b.yaml'], { ...none, config: 'a b.yaml' }],
  [['--config'], none],
  [['--config='], none],
])('%j', (args, expected) => expect(readCommandLine(args)).toEqual(expected));
