/** A built tree whose addon has the cargo feature `fault`: a datagram that ends with `strike` brings its engine down. */
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { findProgram } from '../../build/scripts/toolchain.mjs';
import { root } from './source-graph.ts';

export const strike = 'mirage: fault';

/** Builds it into `folder`, for `new Mirage(machine, folder)`. A debug build: seconds once the dependencies are there. */
export async function buildFaultyHelper(folder: string): Promise<void> {
  const target = path.join(root, 'native/target');
  await promisify(execFile)(
    findProgram('cargo') ?? 'cargo',
    ['build', '--locked', '--features', 'fault', '--manifest-path', path.join(root, 'native/Cargo.toml')],
    { env: { ...process.env, CARGO_TARGET_DIR: target } },
  );
  const helper = path.join(folder, 'dist/helper');
  fs.mkdirSync(helper, { recursive: true });
  fs.mkdirSync(path.join(folder, 'build'), { recursive: true });
  fs.copyFileSync(path.join(root, 'dist/helper/main.js'), path.join(helper, 'main.js'));
  fs.copyFileSync(path.join(target, 'debug/libmirage_native.so'), path.join(helper, 'mirage.node'));
  fs.copyFileSync(path.join(root, 'build/helper-flags.json'), path.join(folder, 'build/helper-flags.json'));
  fs.symlinkSync(path.join(root, 'dist/cli'), path.join(folder, 'dist/cli'));
  fs.symlinkSync(path.join(root, 'node_modules'), path.join(folder, 'node_modules'));
}
