/** Every spec file runs, once; and what a file leaves behind for those that share its process is its own failure. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readSources, root } from '../support/source-graph.ts';

const vitest = (args: readonly string[]): string =>
  spawnSync(process.execPath, [path.join(root, 'node_modules/vitest/vitest.mjs'), ...args], {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, VITEST: undefined, VITEST_WORKER_ID: undefined, VITEST_POOL_ID: undefined },
  }).stdout;

const files = readSources(['test']).filter((file) => /\.spec\.tsx?$/.test(file.path));
const listed = JSON.parse(vitest(['list', '-c', 'build/vitest.config.ts', '--filesOnly', '--json'])) as {
  file: string;
  projectName: string;
}[];
const groups = Map.groupBy(listed, ({ projectName }) => projectName);
const sharing = new Set(groups.get('sharing')?.map(({ file }) => path.relative(root, file)));

test('each belongs to one of the groups', () => {
  expect(listed.map(({ file }) => path.relative(root, file)).toSorted()).toEqual(
    files.map((file) => file.path).toSorted(),
  );
  expect(sharing.size).toBeGreaterThan(200);
  expect(groups.get('apart')?.length).toBeGreaterThan(50);
  expect(groups.get('alone')?.length).toBeGreaterThan(0);
});

test('none that shares its process replaces modules, which nobody could notice afterwards', () => {
  const wrong = files.filter(
    (file) => sharing.has(file.path) && /\bvi\.(?:mock|doMock|resetModules|stubGlobal)\(/.test(file.text),
  );
  expect(wrong.map((file) => file.path)).toEqual([]);
});

describe('a file that shares its process', () => {
  const folder = path.join(root, 'test', '.artifacts', `leftovers-${process.pid}`);
  const bodies = {
    clean: '',
    environment: "process.env['MIRAGE_LEFT'] = 'x';",
    timers: 'vi.useFakeTimers();',
    global: 'Object.assign(globalThis, { left: 1 });',
    listener: "process.on('exit', () => undefined);",
  };

  beforeAll(() => {
    fs.mkdirSync(folder, { recursive: true });
    for (const [name, body] of Object.entries(bodies))
      fs.writeFileSync(
        path.join(folder, `${name}.spec.ts`),
        `import { test, vi } from 'vitest';\ntest('t', () => {\n  ${body}\n  void vi;\n});\n`,
      );
    fs.writeFileSync(
      path.join(folder, 'vitest.config.ts'),
      `export default { root: ${JSON.stringify(folder)}, test: { include: ['*.spec.ts'], isolate: false, maxWorkers: 1, setupFiles: [${JSON.stringify(path.join(root, 'test/support/leftovers.ts'))}] } };\n`,
    );
  });
  afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

  test('and leaves something behind fails, and no other does', () => {
    const report = path.join(folder, 'report.json');
    vitest(['run', '-c', path.join(folder, 'vitest.config.ts'), '--reporter=json', `--outputFile=${report}`]);
    const told = JSON.parse(fs.readFileSync(report, 'utf8')) as { testResults: { name: string; status: string }[] };
    const failed = told.testResults.filter(({ status }) => status === 'failed').map(({ name }) => path.basename(name));
    expect(failed.toSorted()).toEqual(
      Object.keys(bodies)
        .filter((name) => name !== 'clean')
        .map((name) => `${name}.spec.ts`)
        .toSorted(),
    );
  });
});
