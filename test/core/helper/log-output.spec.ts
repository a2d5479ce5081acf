import { spawn } from 'node:child_process';
import path from 'node:path';
import { expect, test } from 'vitest';
import { type LineSink, LogOutput } from '../../../core/helper/log-output.ts';
import { root } from '../../support/source-graph.ts';

class MemorySink implements LineSink {
  writableLength = 0;
  readonly lines: string[] = [];
  write(text: string): void {
    this.lines.push(text);
  }
}

test('lines that nobody reads are lost, counted and told to whoever reads again', () => {
  const sink = new MemorySink();
  const output = new LogOutput(sink);
  output.write('one\n');
  sink.writableLength = 2 ** 21;
  for (let i = 0; i < 7; i++) output.write('lost\n');
  sink.writableLength = 0;
  output.write('two\n');
  output.write('three\n');
  expect(sink.lines).toEqual(['one\n', '(7 lines were lost: nobody read the log)\n', 'two\n', 'three\n']);
});

// As systemd gives it to a service: a pipe or a socket, here one that nobody reads.
test('a reader that has stopped holds nobody up and fills no memory', async () => {
  const script = `
    import { LogOutput } from ${JSON.stringify(path.join(root, 'core/helper/log-output.ts'))};
    const output = new LogOutput(process.stderr);
    const line = 'x'.repeat(4_000) + '\\n';
    let turns = 0;
    const timer = setInterval(() => {
      for (let i = 0; i < 500; i++) output.write(line);
      if (++turns < 50) return;
      clearInterval(timer);
      process.stdout.write(JSON.stringify({ waiting: process.stderr.writableLength, turns }), () => process.exit());
    }, 1);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stderr.pause();
  const [printed] = await child.stdout.setEncoding('utf8').take(1).toArray();
  const { waiting, turns } = JSON.parse(String(printed)) as { waiting: number; turns: number };
  child.kill();
  expect(turns).toBe(50); // 100 MB were written
  expect(waiting).toBeGreaterThan(0);
  expect(waiting).toBeLessThan(1.1 * 2 ** 20);
});
