/** The boundaries of core/README.md as a test: who may import whom, and which doors there are. Each rule has its reason. */
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { readSources, root, type SourceFile } from './support/source-graph.ts';

const sources = readSources(['core', 'electron', 'renderer']);
const folderOf = (file: string): string =>
  file.startsWith('core/') ? file.split('/').slice(0, 2).join('/') : (file.split('/')[0] ?? '');

const low = ['core/contract', 'core/base', 'core/net', 'core/flow'];
const middle = ['rule', 'outbound', 'dns', 'inbound', 'system', 'state', 'rpc'].map((name) => `core/${name}`);

/** What each folder may import besides itself. */
const allowed: Record<string, readonly string[]> = {
  'core/contract': [],
  'core/base': ['core/contract'],
  'core/net': ['core/contract', 'core/base'],
  'core/flow': ['core/contract', 'core/base', 'core/net'],
  'core/rule': low,
  'core/sniff': ['core/contract', 'core/base', 'core/net'],
  'core/outbound': low,
  'core/dns': [...low, 'core/outbound'],
  'core/inbound': low,
  'core/system': low,
  'core/state': low,
  'core/rpc': low,
  'core/tunnel': [...low, ...middle, 'core/sniff'],
  'core/helper': [...low, ...middle, 'core/tunnel'],
  'core/profile': ['core/contract', 'core/base', 'core/net', 'core/rule'],
  'core/controller': ['core/contract', 'core/base', 'core/net', 'core/rpc', 'core/profile'],
  'core/cli': ['core/contract', 'core/base', 'core/net', 'core/rpc', 'core/profile', 'core/controller'],
  electron: ['core/contract', 'core/base', 'core/rpc', 'core/profile', 'core/controller'],
  renderer: ['core/contract'],
};

describe('folders', () => {
  test('every folder with sources has its rule', () => {
    expect([...new Set(sources.map((file) => folderOf(file.path)))].filter((folder) => !(folder in allowed))).toEqual(
      [],
    );
  });

  test('imports point down only: a lower folder that needs a higher service takes an interface', () => {
    const wrong = sources.flatMap((file) =>
      file.imports
        .filter(
          (target) =>
            folderOf(target) !== folderOf(file.path) && !allowed[folderOf(file.path)]?.includes(folderOf(target)),
        )
        .filter((target) => !target.startsWith('native/') || file.path !== nativeLoader)
        .map((target) => `${file.path} -> ${target}`),
    );
    expect(wrong).toEqual([]);
  });

  test('dns knows of outbounds only how to dial: a resolver must not choose policies', () => {
    const doors = ['dialer', 'egress', 'socket-opener'].map((name) => `core/outbound/${name}.ts`);
    const wrong = sources
      .filter((file) => folderOf(file.path) === 'core/dns')
      .flatMap((file) =>
        file.imports.filter((target) => target.startsWith('core/outbound/') && !doors.includes(target)),
      );
    expect(wrong).toEqual([]);
  });

  test("of rule, the user side takes the parser only: matching is the helper's", () => {
    const wrong = sources
      .filter((file) => folderOf(file.path) === 'core/profile')
      .flatMap((file) =>
        file.imports.filter((target) => target.startsWith('core/rule/') && target !== 'core/rule/rule-parser.ts'),
      );
    expect(wrong).toEqual([]);
  });

  test('the tsc project references say the same', () => {
    for (const [folder, targets] of Object.entries(allowed)) {
      const config = JSON.parse(fs.readFileSync(path.join(root, folder, 'tsconfig.json'), 'utf8')) as {
        references: { path: string }[];
      };
      const references = config.references.map((reference) => path.posix.join(folder, reference.path));
      expect(references.toSorted(), folder).toEqual([...targets].toSorted());
    }
  });

  test('no cycles between files', () => {
    expect(findCycle(sources)).toBeUndefined();
  });
});

const nativeLoader = 'core/system/native.ts';

describe('doors', () => {
  const helperFolders = [...low, ...middle, 'core/sniff', 'core/tunnel', 'core/helper'];
  const helperFiles = sources.filter((file) => helperFolders.includes(folderOf(file.path)));

  test('core never imports electron: the helper and the CLI run without it', () => {
    expect(
      sources
        .filter((file) => file.path.startsWith('core/') && file.packages.includes('electron'))
        .map((file) => file.path),
    ).toEqual([]);
  });

  test('the contract knows zod and nothing else: no Node, no DOM, so that every process can load it', () => {
    const wrong = sources
      .filter((file) => folderOf(file.path) === 'core/contract')
      .flatMap((file) => file.packages.filter((name) => name !== 'zod'));
    expect(wrong).toEqual([]);
  });

  test('the renderer has no Node and no electron: it is sandboxed and runs in browsers too', () => {
    const wrong = sources
      .filter((file) => folderOf(file.path) === 'renderer')
      .flatMap((file) =>
        file.packages
          .filter((name) => name.startsWith('node:') || name === 'electron')
          .map((name) => `${file.path} -> ${name}`),
      );
    expect(wrong).toEqual([]);
  });

  test('only core/system/native.ts loads the addon', () => {
    const wrong = sources.filter(
      (file) =>
        file.path !== nativeLoader &&
        (file.imports.some((target) => target.startsWith('native/')) ||
          /createRequire\(|process\.dlopen/.test(file.text)),
    );
    expect(wrong.map((file) => file.path)).toEqual([]);
  });

  test('egress is the only door out: nothing else in the helper dials or asks the OS for a name (it would re-enter us)', () => {
    const dialling =
      /\b(?:net|tls|http|https|http2)\.(?:connect|createConnection|request|get)\(|\bnew (?:net\.)?Socket\(|\bdgram\.createSocket\(|\bcreateSocket\(|\bfetch\(|\blookup\(\s*['"`]/;
    const egress = 'core/outbound/egress.ts';
    /** Sockets that do not leave the machine: the control socket, and descriptors that native code accepted. */
    const local: Record<string, string> = {
      'core/rpc/rpc-client.ts': 'the Unix control socket',
      'core/helper/single-instance.ts': 'asks whether the Unix control socket answers',
      'core/dns/http1-session.ts': 'HTTP/1.1 on streams that the egress or an outbound has connected',
      'core/dns/http2-session.ts': 'HTTP/2 on such a stream',
      'core/dns/upstream-dialer.ts': 'TLS on such a stream',
      'core/inbound/udp-association.ts': 'hears the datagrams of clients and answers them',
      'core/tunnel/native-flow-engine.ts': 'adopts a connection that the engine accepted',
    };
    const wrong = helperFiles.filter(
      (file) =>
        (dialling.test(withoutComments(file)) ||
          file.packages.some((name) => name === 'node:dns' || name === 'node:dns/promises' || name === 'undici')) &&
        file.path !== egress &&
        !(file.path in local),
    );
    expect(wrong.map((file) => file.path)).toEqual([]);
  });

  test('system commands run in one place, without a shell', () => {
    const wrong = helperFiles.filter(
      (file) => file.packages.includes('node:child_process') && file.path !== 'core/system/command-runner.ts',
    );
    expect(wrong.map((file) => file.path)).toEqual([]);
    expect(
      sources
        .filter((file) => /shell:\s*true|execSync\(|(?<!database\.)\bexec\(\s*[`'"]/.test(withoutComments(file)))
        .map((file) => file.path),
    ).toEqual([]);
  });
});

describe('style', () => {
  test('files are kebab-case (PascalCase only for React components), no utils, no barrels', () => {
    const name = (file: SourceFile): string => path.posix.basename(file.path).replace(/\.tsx?$/, '');
    const wrong = sources.filter((file) => {
      const base = name(file);
      if (/^utils?$|^helpers?$/.test(base)) return true;
      if (base === 'index') return !/core\/system\/[a-z-]+\/index\.ts$/.test(file.path);
      return !/^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(base) && !(file.path.endsWith('.tsx') && /^[A-Z]\w+$/.test(base));
    });
    expect(wrong.map((file) => file.path)).toEqual([]);
  });

  test('every file begins by saying what it is', () => {
    expect(
      sources.filter((file) => !/^(?:#!.*\n)?\s*(?:\/\*\*|\/\/)/.test(file.text)).map((file) => file.path),
    ).toEqual([]);
  });

  test('tests mirror paths: test/core/x/y.spec.ts tests core/x/y.ts', () => {
    const existing = new Set(sources.map((file) => file.path));
    const wrong = readSources(['test/core'])
      .map((file) => file.path)
      .filter((file) => /\.spec\.tsx?$/.test(file))
      .filter((file) => {
        const target = file
          .replace(/^test\//, '')
          .replace(/(?:\.(?:netns|property|peer|kill|power-cut|odd-servers|mistakes|tolerance))?\.spec\.tsx?$/, '');
        return !existing.has(`${target}.ts`) && !existing.has(`${target}.tsx`);
      });
    expect(wrong).toEqual([]);
  });

  test('the top level holds what it should and nothing else', () => {
    const expected = [
      '.ci',
      '.git',
      '.gitignore',
      'LICENSE',
      'README.md',
      'build',
      'core',
      'dist',
      'electron',
      'native',
      'node_modules',
      'package-lock.json',
      'package.json',
      'renderer',
      'test',
      'tsconfig.json',
    ];
    expect(fs.readdirSync(root).filter((name) => !expected.includes(name))).toEqual([]);
  });
});

function withoutComments(file: SourceFile): string {
  return file.text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '$1');
}

/** One cycle as `a -> b -> a`, type-only imports included (they couple all the same), or undefined. */
function findCycle(files: readonly SourceFile[]): string | undefined {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const done = new Set<string>();
  const visit = (file: string, trail: string[]): string | undefined => {
    const at = trail.indexOf(file);
    if (at >= 0) return [...trail.slice(at), file].join(' -> ');
    if (done.has(file)) return undefined;
    for (const target of byPath.get(file)?.imports ?? []) {
      const cycle = visit(target, [...trail, file]);
      if (cycle !== undefined) return cycle;
    }
    done.add(file);
    return undefined;
  };
  for (const file of files) {
    const cycle = visit(file.path, []);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}
