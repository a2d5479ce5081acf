/** How the demo speaks: numbered steps, a sentence each, and the machine's own words below. */
const colour = process.stdout.isTTY && !process.env['NO_COLOR'];
const paint = (code: string, text: string): string => (colour ? `\u001b[${code}m${text}\u001b[0m` : text);

export class Narrator {
  #failures = 0;

  get failures(): number {
    return this.#failures;
  }

  title(text: string): void {
    process.stdout.write(`\n${paint('1', text)}\n${paint('2', '─'.repeat(text.length))}\n`);
  }

  step(number: string, text: string): void {
    process.stdout.write(`\n${paint('1;36', number.padStart(4))}  ${text}\n`);
  }

  /** A command and what the machine printed for it, or a file and its lines. */
  evidence(source: string, output: string): void {
    process.stdout.write(`      ${paint('2', source)}\n`);
    for (const line of output.trimEnd().split('\n')) process.stdout.write(`      ${paint('33', '│')} ${line}\n`);
  }

  /** What the evidence was meant to show; the demo fails when it does not. */
  check(claim: string, holds: boolean): void {
    if (!holds) this.#failures += 1;
    process.stdout.write(`      ${holds ? paint('32', '✓') : paint('1;31', '✗ NOT SO:')} ${claim}\n`);
  }
}
