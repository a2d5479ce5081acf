/** The real mihomo reads the profiles of `test/core/profile/kinds`: what their comments say of it is so. */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { peerFile } from '../support/peers.ts';
import { profileKinds } from '../support/profile-kinds.ts';
import { geodata, Mihomo } from './mihomo.ts';

const files = Object.entries(geodata).map(([name, file]) => [name, peerFile(`geodata/${file}`)] as const);
const missing = Mihomo.program === undefined || files.some(([, path]) => path === undefined);
const directory = mkdtempSync(join(tmpdir(), 'mirage-kinds-'));
for (const [name, path] of files) if (path !== undefined) symlinkSync(path, join(directory, name));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

test.skipIf(missing).each(profileKinds())('$name', async ({ name, text, isTaken }) => {
  const file = join(directory, `${name}.yaml`);
  writeFileSync(file, text);
  const said = await new Promise<{ taken: boolean; output: string }>((resolve) => {
    execFile(Mihomo.program ?? 'mihomo', ['-t', '-d', directory, '-f', file], (error, stdout) =>
      resolve({ taken: error === null, output: stdout }),
    );
  });
  expect(said.taken, said.output).toBe(isTaken);
});
