/** Completion scripts for shells, made of the grammar itself: commands, their options, and the values of their arguments. */
import type { Command } from 'commander';
import { unreachable } from '../base/unreachable.ts';

export const completionShells = ['bash', 'zsh', 'fish'] as const;
export type CompletionShell = (typeof completionShells)[number];

export const completionHelp = `
For this session; put the line into ~/.bashrc, ~/.zshrc (after compinit) or ~/.config/fish/config.fish for all:
  bash        source <(mirage completion bash)
  zsh         source <(mirage completion zsh)
  fish        mirage completion fish | source`;

type Options = readonly {
  /** `--long` and `-s`. */
  readonly flags: readonly string[];
  readonly description: string;
  /** What follows it. */
  readonly value: 'none' | 'text' | 'file';
  /** Values that are offered, where any text goes. */
  readonly words: readonly string[];
}[];

/** Words that are offered behind an option, besides any other text, by its long name. */
export type OptionWords = Readonly<Record<string, readonly string[]>>;

interface Entry {
  readonly name: string;
  readonly description: string;
  readonly options: Options;
  /** Values of each argument; empty where any text goes. The last one's hold for what follows if it may be repeated. */
  readonly values: readonly (readonly string[])[];
  /** An argument is a file. */
  readonly file: boolean;
}

/** A script that completes a command called `mirage`. */
export function completionScript(program: Command, shell: CompletionShell, words: OptionWords = {}): string {
  const common = optionsOf(program, words);
  const entries = program.commands.map((command) => entryOf(command, common, words));
  switch (shell) {
    case 'bash':
      return bashScript(entries, common);
    case 'zsh':
      return zshScript(entries, common);
    case 'fish':
      return fishScript(entries, common);
    default:
      return unreachable(shell);
  }
}

function optionsOf(command: Command, words: OptionWords): Options {
  const own = command.options.map(({ long, short, description, flags }): Options[number] => ({
    flags: [long, short].filter((flag) => flag !== undefined && flag !== null),
    description,
    value: /<(?:file|dir)>/.test(flags) ? 'file' : flags.includes('<') ? 'text' : 'none',
    words: words[long ?? ''] ?? [],
  }));
  return [...own, { flags: ['--help', '-h'], description: 'print this help', value: 'none', words: [] }];
}

function entryOf(command: Command, common: Options, words: OptionWords): Entry {
  const own = optionsOf(command, words).filter(({ flags }) => !flags.includes('--help'));
  const args = command.registeredArguments;
  return {
    name: command.name(),
    description: command.description(),
    options: [...own, ...common.filter(({ flags }) => !flags.includes('--version'))],
    values: args.map((argument) => argument.argChoices ?? []),
    file: args.some((argument) => argument.name() === 'file'),
  };
}

const flagsOf = (options: Options): string => options.flatMap(({ flags }) => flags).join(' ');
/** Flags that a value follows, as a pattern of `case`. */
const flagsWith = (options: Options, ...values: Options[number]['value'][]): string =>
  [...new Set(options.flatMap(({ flags, value }) => (values.includes(value) ? flags : [])))].join('|');

/** bash(1), "Programmable Completion". */
function bashScript(entries: readonly Entry[], common: Options): string {
  const cases = entries.map(({ name, options, values, file }) => {
    const places = values.map((words, at) => `        ${at}) words='${words.join(' ')}' ;;`).join('\n');
    return `    ${name})
      options='${flagsOf(options)}'
      case $place in
${places}
      esac
      ${file ? 'files=yes' : ':'} ;;`;
  });
  const all = [...entries.flatMap(({ options }) => options), ...common];
  const offered = all
    .filter(({ words }) => words.length > 0)
    .map(
      ({ flags, words }) =>
        `    ${flags.join('|')}) COMPREPLY=($(compgen -W '${words.join(' ')}' -- "$current")); return ;;\n`,
    );
  return `_mirage() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} command='' place=0 words='' options='' files=''
  local at
  for ((at = 1; at < COMP_CWORD; at++)); do
    case \${COMP_WORDS[at]} in
      ${flagsWith(all, 'text', 'file')}) at=$((at + 1)) ;;
      -*) ;;
      *) if [ -z "$command" ]; then command=\${COMP_WORDS[at]}; else place=$((place + 1)); fi ;;
    esac
  done
  case $previous in
    ${flagsWith(all, 'file')}) COMPREPLY=($(compgen -f -- "$current")); return ;;
${[...new Set(offered)].join('')}  esac
  case $command in
    '')
      words='${entries.map(({ name }) => name).join(' ')}'
      options='${flagsOf(common)}' ;;
${cases.join('\n')}
  esac
  case $current in
    -*) COMPREPLY=($(compgen -W "$options" -- "$current")) ;;
    *) if [ -n "$files" ]; then COMPREPLY=($(compgen -f -- "$current")); else COMPREPLY=($(compgen -W "$words" -- "$current")); fi ;;
  esac
}
complete -o filenames -F _mirage mirage
`;
}

/** zshcompsys(1), "_arguments". */
function zshScript(entries: readonly Entry[], common: Options): string {
  const quoted = (text: string): string => text.replaceAll("'", `'\\''`);
  const spec = (options: Options): string[] =>
    options.map(({ flags, description, value, words }) => {
      const text = description.replace(/[[\]\\:]/g, (character) => `\\${character}`);
      const names = flags.length > 1 ? `'(${flags.join(' ')})'{${flags.join(',')}}'` : `'${flags[0]}`;
      return `${names}[${quoted(text)}]${{ none: '', text: words.length === 0 ? ':value:' : `:value:(${words.join(' ')})`, file: ':file:_files' }[value]}'`;
    });
  const cases = entries.map(({ name, options, values, file }) => {
    const places = values.map((words, at) =>
      words.length > 0 ? `'${at + 1}:value:(${words.join(' ')})'` : file ? `'${at + 1}:file:_files'` : `'*:value:'`,
    );
    return `    ${name}) _arguments ${[...spec(options), ...places].join(' \\\n      ')} ;;`;
  });
  const commands = entries.map(({ name, description }) => `    '${name}:${quoted(description)}'`);
  return `#compdef mirage
_mirage() {
  local state line
  local -a commands=(
${commands.join('\n')}
  )
  _arguments -C ${spec(common).join(' \\\n    ')} \\
    '1:command:->command' '*::argument:->argument'
  case $state in
    command) _describe command commands ;;
    argument) case $line[1] in
${cases.join('\n')}
    esac ;;
  esac
}
if [ "$funcstack[1]" = _mirage ]; then _mirage "$@"; else compdef _mirage mirage; fi
`;
}

/** complete(1) of fish. */
function fishScript(entries: readonly Entry[], common: Options): string {
  const quoted = (text: string): string => `'${text.replace(/['\\]/g, (character) => `\\${character}`)}'`;
  const line = (condition: string, rest: string): string => `complete -c mirage -n ${quoted(condition)} ${rest}`;
  const option = (condition: string, { flags, description, value, words }: Options[number]): string =>
    line(
      condition,
      `${flags.map((flag) => (flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`)).join(' ')} -d ${quoted(description)}${{ none: '', text: words.length === 0 ? ' -x' : ` -x -a ${quoted(words.join(' '))}`, file: ' -r -F' }[value]}`,
    );
  return `${[
    'complete -c mirage -f',
    ...common.map((each) => option('__fish_use_subcommand', each)),
    ...entries.flatMap(({ name, description, options, values, file }) => {
      const here = `__fish_seen_subcommand_from ${name}`;
      return [
        line('__fish_use_subcommand', `-a ${name} -d ${quoted(description)}`),
        ...options.map((each) => option(here, each)),
        ...values.filter((words) => words.length > 0).map((words) => line(here, `-a ${quoted(words.join(' '))}`)),
        ...(file ? [line(here, '-F')] : []),
      ];
    }),
  ].join('\n')}\n`;
}
