/** `mirage test-rule`, `dns-query`, `close`: one question to the helper, one answer. */
import { formatEndpoint, parseEndpoint, parseIp } from '../base/address.ts';
import type { Endpoint, RuleTrace } from '../contract/flow.ts';
import { fillText } from '../contract/problem-texts.ts';
import { ruleReasons } from '../contract/rule-reasons.ts';
import { ruleStepLines } from '../contract/rule-steps.ts';
import { type CommandContext, type GlobalOptions, withHelper } from './command-context.ts';
import { type ExitCode, exitCodes } from './exit-code.ts';
import { plainText } from './plain-text.ts';
import { countOf, formatCount, formatMillis } from './quantity.ts';

/** Assumed for `test-rule HOST`. */
const defaultPort = 443;

/** Reads `HOST`, `HOST:PORT`, `[V6]:PORT` or a bare IPv6 address; undefined when it is none of them. */
export function parseTarget(text: string): Endpoint | undefined {
  const endpoint = parseEndpoint(text);
  if (endpoint !== undefined) return endpoint;
  const bare = /^\[(.*)\]$/.exec(text)?.[1] ?? text;
  if (parseIp(bare) !== undefined) return { host: bare, port: defaultPort };
  return /^[^\s:[\]/]{1,255}$/.test(text) ? { host: text, port: defaultPort } : undefined;
}

export async function testRule(
  context: CommandContext,
  target: Endpoint,
  options: GlobalOptions & { udp: boolean },
): Promise<void> {
  const network = options.udp ? 'udp' : 'tcp';
  const trace = await withHelper(context, options, (helper) => helper.call('testRule', { ...target, network }));
  if (options.json) context.console.json(trace);
  else printTrace(context, trace);
}

export async function dnsQuery(
  context: CommandContext,
  name: string,
  type: string,
  options: GlobalOptions,
): Promise<void> {
  const answer = await withHelper(context, options, (helper) => helper.call('dnsQuery', { name, type }));
  const { console } = context;
  if (options.json) return console.json(answer);
  const { paint } = console;
  const time = answer.upstreamMs === undefined ? '' : ` in ${formatMillis(answer.upstreamMs)}`;
  const by = answer.upstream === undefined ? '' : `, by ${plainText(answer.upstream)}${time}`;
  const how = `${plainText(answer.verdict)}${by}, ${formatMillis(answer.ms)}`;
  console.line(`${paint('bold', plainText(answer.rcode))}  ${paint('dim', how)}`);
  // Aliases alone answer only who asked for aliases.
  const onlyAliases = type !== 'CNAME' && type !== 'ANY' && answer.answers.every((row) => row.type === 'CNAME');
  if (answer.rcode === 'NOERROR' && (onlyAliases || answer.answers.length === 0)) {
    console.line(`The answer has no records of type ${plainText(type)}.`);
  }
  if (answer.answers.length === 0) return;
  console.table(
    [
      { title: 'NAME', value: (row) => row.name, shrinkTo: 20, narrow: 'middle', style: () => 'bold' },
      { title: 'TTL', value: (row) => String(row.ttl), align: 'right' },
      { title: 'TYPE', value: (row) => row.type },
      { title: 'DATA', value: (row) => row.data, shrinkTo: 20, narrow: 'wrap' },
    ],
    answer.answers,
  );
}

/** Exit code 1 when one of the named connections was not there to be closed. */
export async function closeFlows(
  context: CommandContext,
  ids: readonly string[],
  options: GlobalOptions & { all: boolean },
): Promise<ExitCode> {
  const params = options.all ? { all: true } : { ids: [...ids] };
  const { closed } = await withHelper(context, options, (helper) => helper.call('closeFlows', params));
  if (options.json) context.console.json({ closed });
  else context.console.line(describeClosed(closed, options.all ? undefined : ids.length));
  return options.all || closed >= new Set(ids).size ? exitCodes.ok : exitCodes.failed;
}

/** `wanted` is absent for all of them. */
function describeClosed(closed: number, wanted = closed): string {
  const done = `Closed ${countOf(closed, 'connection')}`;
  if (wanted > closed) return `${done} of ${formatCount(wanted)}: the rest had ended before, or never were.`;
  return closed === 0 ? 'There was no connection to close.' : `${done}.`;
}

function printTrace(context: CommandContext, trace: RuleTrace): void {
  const { console } = context;
  const { paint } = console;
  console.line(paint('bold', `${trace.network} ${plainText(formatEndpoint(trace))}`));
  if (trace.resolved !== undefined) console.line(`Looked up for matching only: ${plainText(trace.resolved)}`);
  console.table(
    [
      {
        title: '#',
        // Within others the place is that in the rule or list around it.
        value: ({ number, depth }) => (number === undefined || depth > 0 ? '' : formatCount(number)),
        align: 'right',
        style: () => 'dim',
      },
      {
        title: 'RULE',
        value: ({ step, depth }) => `${'  '.repeat(depth)}${`${step.type} ${step.payload}`.trim()}`,
        shrinkTo: 16,
        narrow: 'middle',
      },
      { title: 'POLICY', value: ({ step }) => step.policy, shrinkTo: 8 },
      {
        title: 'MATCHES',
        value: ({ step }) => (step.hit ? 'yes' : 'no'),
        style: ({ step }) => (step.hit ? 'green' : 'dim'),
      },
      {
        title: 'WHY',
        value: ({ step: { why } }) => plainText(fillText(ruleReasons[why.code], why.values)),
        shrinkTo: 24,
        narrow: 'wrap',
        style: () => 'dim',
      },
    ],
    ruleStepLines(trace.steps),
  );
  console.line(`Result: ${paint('cyan', plainText(trace.chain.toReversed().join(' > ')))}, ${whyOf(trace.rule)}`);
  if (trace.refusal !== undefined) console.line(`Refused: ${plainText(trace.refusal.message)}`);
}

function whyOf({ type, payload, index }: RuleTrace['rule']): string {
  if (type === 'MODE') return `because the mode is ${plainText(payload)}`;
  if (type === 'DOWNLOAD') return 'because the provider says so';
  return index < 0 ? 'because no rule matches' : `by rule ${formatCount(index + 1)}`;
}
