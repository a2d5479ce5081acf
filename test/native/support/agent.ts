/** A process inside a lab machine that does what it is told: JSON lines on standard input, answers on standard output. */
import readline from 'node:readline';

// oxlint-disable-next-line typescript/no-explicit-any -- each operation knows its own arguments
export type Operations = Record<string, (args: any) => unknown>;

/** Serves operations until standard input ends. */
export function serve(operations: Operations): void {
  const lines = readline.createInterface({ input: process.stdin });
  lines.on('line', (line) => {
    const { id, operation, args } = JSON.parse(line) as { id: number; operation: string; args: unknown };
    Promise.resolve()
      .then(() => {
        const work = operations[operation];
        if (!work) throw new Error(`no operation "${operation}"`);
        return work(args);
      })
      .then(
        (value) => print({ id, value: value ?? null }),
        (error: unknown) =>
          print({
            id,
            error: error instanceof Error ? error.message : String(error),
            code: (error as { code?: string }).code,
          }),
      );
  });
  lines.on('close', () => process.exit(0));
  process.stdout.write('ready\n');
}

function print(answer: object): void {
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
