/** The command line's grammar: commands, options, help. Each action is handed in; nothing is done here. */
import { Argument, Command, Help, InvalidArgumentError, Option } from 'commander';
import { preferredPort } from '../app/browser/browser-server.ts';
import { defaultHelperPaths } from '../base/paths.ts';
import type { Endpoint } from '../contract/flow.ts';
import type { GlobalOptions } from './command-context.ts';
import { type CompletionShell, completionHelp, completionShells } from './completion.ts';
import { type DnsModeChoice, dnsModeChoices } from './dns-mode-command.ts';
import { type DumpOptions, type DumpTable, dumpTables, type FollowedTable, followedTables } from './dump-command.ts';
import { type FlushedCache, flushedCaches, type MappingAction, mappingActions } from './mapping-command.ts';
import { type ProfileAction, type ProfileOptions, profileActions } from './profile-command.ts';
import { type ProviderAction, providerActions } from './providers-command.ts';
import { type PolicyModeChoice, policyModeChoices } from './proxies-command.ts';
import { parseTarget } from './query-command.ts';
import type { RestoreOptions } from './restore-command.ts';
import type { EnhancedOptions } from './status-command.ts';

export interface ServeOptions extends GlobalOptions {
  config?: string;
  /** Absent: the usual one, or any where it is taken. */
  port?: number;
  enhanced: boolean;
  open: boolean;
}

export interface Actions {
  serve(options: ServeOptions): Promise<void>;
  enhanced(on: boolean, options: EnhancedOptions): Promise<void>;
  setSwitch(half: 'system-dns' | 'auto-route', on: boolean, options: GlobalOptions): Promise<void>;
  dnsMode(choice: DnsModeChoice | undefined, options: GlobalOptions): Promise<void>;
  mode(choice: PolicyModeChoice | undefined, options: GlobalOptions): Promise<void>;
  proxies(options: GlobalOptions): Promise<void>;
  select(group: string, member: string, options: GlobalOptions): Promise<void>;
  delay(policy: string | undefined, options: GlobalOptions): Promise<void>;
  status(options: GlobalOptions): Promise<void>;
  dump(table: DumpTable, options: DumpOptions): Promise<void>;
  follow(table: FollowedTable, options: DumpOptions): Promise<void>;
  mapping(action: MappingAction, wanted: string[], options: GlobalOptions): Promise<void>;
  flush(cache: FlushedCache, options: GlobalOptions): Promise<void>;
  testRule(target: Endpoint, options: GlobalOptions & { udp: boolean }): Promise<void>;
  dnsQuery(name: string, type: string, options: GlobalOptions): Promise<void>;
  close(ids: string[], options: GlobalOptions & { all: boolean }): Promise<void>;
  restore(options: RestoreOptions): Promise<void>;
  listProfiles(options: GlobalOptions): Promise<void>;
  providers(action: ProviderAction, name: string | undefined, options: GlobalOptions): Promise<void>;
  updateProfiles(options: ProfileOptions): Promise<void>;
  profile(action: Exclude<ProfileAction, 'list'>, what: string, options: ProfileOptions): Promise<void>;
  check(file: string, options: GlobalOptions): Promise<void>;
  explain(key: string, options: GlobalOptions): void;
  completion(shell: CompletionShell): void;
}

const examples = `
Examples:
  mirage serve --enhanced                  the window in a browser, Enhanced Mode on
  mirage enhanced on --config home.yaml    on until turned off, also after a restart
  mirage dump connections --search curl    what curl is connected to, by name
  mirage dump dns --follow                 every DNS question as it comes
  mirage mapping pin nas.example.com       keep the fake address of this name for ever
  mirage test-rule www.example.com:443     which rule would match, and why
  mirage delay Auto                        test the nodes of a policy group
  mirage profile add https://sub.example/x a subscription; updated by a running app
  mirage providers update                  look for new nodes, rule sets and geodata
  mirage profile add home.yaml             another profile; "profile use home" switches to it
  mirage profile override home --file my.yaml   merged on top of it, also after updates
  mirage check home.yaml                   every mistake, with line and column
  mirage check --explain dns.ipv6          what a key means, and what becomes of it

Exit codes:
  0 ok   1 failed   2 wrong usage   3 helper not reached   4 bad configuration   5 not allowed`;

const port = (text: string): number => {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value > 65_535) throw new InvalidArgumentError('a port is a number from 0 to 65535.');
  return value;
};
const limit = (text: string): number => {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < 1 || value > 100_000) {
    throw new InvalidArgumentError('a limit is a number from 1 to 100000.');
  }
  return value;
};
const target = (text: string): Endpoint => {
  const endpoint = parseTarget(text);
  if (endpoint === undefined) throw new InvalidArgumentError('expected HOST, HOST:PORT or [IPV6]:PORT.');
  return endpoint;
};
const onOff = (): Argument => new Argument('<state>', 'what it becomes').choices(['on', 'off']);
const configOption = (): Option =>
  new Option(
    '-c, --config <file>',
    "profile in Clash's YAML spelling (default the one in use, as mirage profile list says)",
  );

/** Errors of usage are thrown as `CommanderError`, after they were written to `streams.err`. */
export function createProgram(
  actions: Actions,
  version: string,
  streams: { out: (text: string) => void; err: (text: string) => void },
): Command {
  const program = new Command('mirage');
  program
    .description('Enhanced mode for this machine: TUN, fake-IP DNS and rules, with every connection shown by name.')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .option('--json', 'print one JSON document instead of text', false)
    .option('--socket <dir>', "the helper's runtime directory", defaultHelperPaths.runtimeDir)
    .option('--developer', 'trust a helper socket that you own yourself, not only one of root', false)
    .addHelpText('after', examples)
    .showHelpAfterError('(mirage --help tells what there is)')
    .configureHelp({ showGlobalOptions: true, optionDescription: describeOption })
    .configureOutput({ writeOut: streams.out, writeErr: streams.err })
    .exitOverride();

  program
    .command('serve')
    .description('show the window in a browser on this machine, until interrupted')
    .addOption(configOption())
    .option(
      '-p, --port <number>',
      `port on 127.0.0.1; 0 takes any free one (${preferredPort}, or any where it is taken)`,
      port,
    )
    .option('--enhanced', 'turn Enhanced Mode on at once, for as long as this runs', false)
    .option('--no-open', 'do not open a browser')
    .action((_, command: Command) => actions.serve(command.optsWithGlobals()));
  program
    .command('enhanced')
    .description('turn Enhanced Mode on or off; it stays on until it is turned off')
    .addArgument(onOff())
    .addOption(configOption())
    .action((state: string, _, command: Command) => actions.enhanced(state === 'on', command.optsWithGlobals()));
  program
    .command('switch')
    .description('choose what Enhanced Mode captures: system DNS, routes')
    .addArgument(new Argument('<half>', 'which one').choices(['system-dns', 'auto-route']))
    .addArgument(onOff())
    .action((half: 'system-dns' | 'auto-route', state: string, _, command: Command) =>
      actions.setSwitch(half, state === 'on', command.optsWithGlobals()),
    );
  program
    .command('dns-mode')
    .description('show how names are answered, or choose it: with fake addresses or real ones')
    .addArgument(new Argument('[mode]', 'profile = as the profile says').choices(dnsModeChoices))
    .action((choice: DnsModeChoice | undefined, _, command: Command) =>
      actions.dnsMode(choice, command.optsWithGlobals()),
    );
  program
    .command('mode')
    .description('show who decides about connections, or choose it: the rules, the group GLOBAL, or DIRECT for all')
    .addArgument(new Argument('[mode]', 'profile = as the profile says').choices(policyModeChoices))
    .action((choice: PolicyModeChoice | undefined, _, command: Command) =>
      actions.mode(choice, command.optsWithGlobals()),
    );
  program
    .command('proxies')
    .description('list policy groups with where they lead, and nodes with their delay')
    .action((_, command: Command) => actions.proxies(command.optsWithGlobals()));
  program
    .command('select')
    .description('choose the node of a policy group; open connections keep theirs')
    .argument('<group>', 'as "mirage proxies" prints it')
    .argument('<node>', 'a member of it; - for what the group does by itself')
    .action((group: string, member: string, _, command: Command) =>
      actions.select(group, member, command.optsWithGlobals()),
    );
  program
    .command('delay')
    .description('measure the delay of a node, of the members of a group, or of everything')
    .argument('[name]', 'a node or group; without it everything, each node by the tests of its groups')
    .action((name: string | undefined, _, command: Command) => actions.delay(name, command.optsWithGlobals()));
  program
    .command('status')
    .description('show what is on, who owns it, and the network changes in force')
    .action((_, command: Command) => actions.status(command.optsWithGlobals()));
  program
    .command('dump')
    .description('print a table')
    .addArgument(new Argument('<table>', 'which one').choices(dumpTables))
    .option('-s, --search <text>', 'only rows in which this text occurs')
    .option('--closed', 'also connections that have ended', false)
    .option('-n, --limit <count>', 'at most this many rows, the newest (10000; with --follow 10 to begin with)', limit)
    .option('-f, --follow', `go on with what comes, until interrupted (${followedTables.join(', ')})`, false)
    .action((table: DumpTable, options: { follow: boolean }, command: Command) => {
      if (!options.follow) return actions.dump(table, command.optsWithGlobals());
      const followed = followedTables.find((name) => name === table);
      if (followed === undefined) {
        command.error(`error: --follow works with ${followedTables.join(' and ')}; the rows of other tables change`);
      }
      return actions.follow(followed, command.optsWithGlobals());
    });
  program
    .command('mapping')
    .description('keep a fake address for its name for ever (pin, unpin), or give it up (release)')
    .addArgument(new Argument('<action>', 'what to do').choices(mappingActions))
    .argument(
      '<what...>',
      'addresses or names, as "mirage dump fake-ip" prints them; nothing changes when one is unknown',
    )
    .action((action: MappingAction, wanted: string[], _, command: Command) =>
      actions.mapping(action, wanted, command.optsWithGlobals()),
    );
  program
    .command('flush')
    .description('forget the answers of upstreams (dns), or release every fake address that is not pinned (fake-ip)')
    .addArgument(new Argument('<cache>', 'which one').choices(flushedCaches))
    .action((cache: FlushedCache, _, command: Command) => actions.flush(cache, command.optsWithGlobals()));
  program
    .command('test-rule')
    .description('tell what would happen to a connection, rule by rule')
    .argument('<host[:port]>', 'where to (port 443 when it is not said)', target)
    .option('--udp', 'as UDP instead of TCP', false)
    .action((to: Endpoint, _, command: Command) => actions.testRule(to, command.optsWithGlobals()));
  program
    .command('dns-query')
    .description('ask as an application would')
    .argument('<name>', 'a domain name; an address is asked for backwards with type PTR')
    .argument('[type]', 'A, AAAA, HTTPS, PTR, TXT, ...', 'A')
    .action((name: string, type: string, _, command: Command) =>
      actions.dnsQuery(name, type.toUpperCase(), command.optsWithGlobals()),
    );
  program
    .command('close')
    .description('close connections')
    .argument('[id...]', 'as "mirage dump connections" prints them')
    .option('--all', 'every connection', false)
    .action((ids: string[], options: { all: boolean }, command: Command) => {
      if (options.all === ids.length > 0) command.error('error: name the connections to close, or say --all');
      return actions.close(ids, command.optsWithGlobals());
    });
  program
    .command('restore')
    .description('turn everything off and undo every change of the network; without the helper where it does not run')
    .option('-y, --yes', 'do not ask before doing it without the helper, as root', false)
    .action((_, command: Command) => actions.restore(command.optsWithGlobals()));
  program
    .command('profile')
    .description(
      'list the profiles, use one (open connections stay), add a file or an address, update subscriptions, rename one, edit one or its override, or remove one',
    )
    .addArgument(new Argument('<action>', 'what to do').choices(profileActions))
    .argument(
      '[profile]',
      'a name, as "mirage profile list" prints it; for add a file or an address; for update nothing = all',
    )
    .option('--dry-run', 'with update: tell what would change, and keep nothing')
    .option('--name <name>', 'with rename: what it is called from now on; with add: what it is called')
    .option('--file <file>', 'with override: take the text of this file')
    .option('--clear', 'with override: take it away')
    .option('--off', 'with override: leave it aside; it stays')
    .option('--on', 'with override: merge it again')
    .option('--show', 'with override: print it, as without an option')
    .action((action: ProfileAction, what: string | undefined, _, command: Command) => {
      if (action === 'list' && what === undefined) return actions.listProfiles(command.optsWithGlobals());
      if (action === 'update' && what === undefined) return actions.updateProfiles(command.optsWithGlobals());
      if (action === 'list' || what === undefined)
        command.error(
          `error: ${action === 'list' ? 'list takes no profile' : `name the ${action === 'add' ? 'file or address to add' : `profile to ${action}`}`}`,
        );
      return actions.profile(action, what, command.optsWithGlobals());
    });
  program
    .command('providers')
    .description(
      'list what the profile in use names and does not contain (nodes, rule sets, geodata), or look for what is new',
    )
    .addArgument(new Argument('[action]', 'what to do').choices(providerActions).default('list'))
    .argument('[name]', 'one of them')
    .action((action: ProviderAction, name: string | undefined, _, command: Command) =>
      actions.providers(action, name, command.optsWithGlobals()),
    );
  program
    .command('check')
    .description('check a profile and tell every mistake by line and column; needs no helper')
    .argument('[file]', 'a profile in YAML')
    .option('--explain <key>', 'tell what a key means and what becomes of it here, e.g. dns.fake-ip-filter')
    .action((file: string | undefined, { explain }: { explain?: string }, command: Command) => {
      if ((file === undefined) === (explain === undefined))
        command.error('error: name a file to check, or a key to --explain');
      if (explain !== undefined) return actions.explain(explain, command.optsWithGlobals());
      return file === undefined ? undefined : actions.check(file, command.optsWithGlobals());
    });
  program
    .command('completion')
    .description('print a completion script for a shell')
    .addArgument(new Argument('<shell>', 'which one').choices(completionShells))
    .addHelpText('after', completionHelp)
    .action((shell: CompletionShell) => actions.completion(shell));
  return program;
}

/** That a switch is off until it is given needs no saying. */
function describeOption(option: Option): string {
  return new Help().optionDescription(option).replace(/ ?\(default: (?:false|true)\)$/, '');
}
