/** The completion scripts: bash's in bash itself, the others by what they name. */
import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { completionScript, completionShells } from '../../../core/cli/completion.ts';
import { createProgram } from '../../../core/cli/program.ts';

const nothing = () => Promise.resolve();
const program = createProgram(
  {
    serve: nothing,
    enhanced: nothing,
    setSwitch: nothing,
    dnsMode: nothing,
    mode: nothing,
    proxies: nothing,
    select: nothing,
    delay: nothing,
    status: nothing,
    dump: nothing,
    follow: nothing,
    mapping: nothing,
    flush: nothing,
    testRule: nothing,
    dnsQuery: nothing,
    listProfiles: nothing,
    updateProfiles: nothing,
    providers: nothing,
    profile: nothing,
    close: nothing,
    restore: nothing,
    check: nothing,
    explain: () => undefined,
    completion: () => undefined,
  },
  '0.1.0',
  { out: () => undefined, err: () => undefined },
);

/** What bash offers for the last of these words. */
function bash(...words: string[]): string[] {
  const script = `${completionScript(program, 'bash', { '--explain': ['dns.ipv6', 'dns.ca', 'mode'] })}
    COMP_WORDS=(mirage "$@"); COMP_CWORD=$#; _mirage; printf '%s\n' "\${COMPREPLY[@]}"`;
  return execFileSync('bash', ['-c', script, 'bash', ...words], { encoding: 'utf8' })
    .split('\n')
    .filter(Boolean);
}

test.each([
  [
    ['check', '--explain', 'dns.'],
    ['dns.ipv6', 'dns.ca'],
  ],
  [['s'], ['serve', 'switch', 'select', 'status']],
  [
    ['switch', ''],
    ['system-dns', 'auto-route'],
  ],
  [
    ['switch', 'auto-route', 'o'],
    ['on', 'off'],
  ],
  [
    ['--json', 'flush', ''],
    ['dns', 'fake-ip'],
  ],
  [
    ['--socket', '/tmp/x', 'enhanced', ''],
    ['on', 'off'],
  ],
  [['dump', '--search', 'curl', 'l'], ['logs']],
  [['dump', '--fo'], ['--follow']],
  [['restore', '--y'], ['--yes']],
  [['completion', 'z'], ['zsh']],
  [['close', ''], []],
  [['--js'], ['--json']],
])('bash: mirage %j', (words, offered) => {
  expect(bash(...words)).toEqual(offered);
});

test('bash offers files where a file is meant', () => {
  expect(bash('check', '/etc/host')).toContain('/etc/hosts');
  expect(bash('enhanced', 'on', '--config', '/etc/host')).toContain('/etc/hosts');
});

test.each(completionShells)('%s: every command, option and value is named', (shell) => {
  const script = completionScript(program, shell);
  for (const command of program.commands) {
    expect(script).toContain(command.name());
    for (const { long } of command.options) expect(script).toContain(shell === 'fish' ? long?.slice(2) : long);
    for (const { argChoices = [] } of command.registeredArguments) expect(script).toContain(argChoices.join(' '));
  }
});
