/** The boundaries of core/README.md as a test: who may import whom, and which doors there are. Each rule has its reason. */
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  findCycle,
  loadedBy,
  readSources,
  root,
  rustSources,
  type SourceFile,
  withoutComments,
  writtenFiles,
} from './support/source-graph.ts';

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
  'core/provider': ['core/contract', 'core/base', 'core/net', 'core/rule', 'core/profile'],
  'core/app': ['core/contract', 'core/base', 'core/net', 'core/rpc', 'core/profile', 'core/provider'],
  'core/cli': ['core/contract', 'core/base', 'core/net', 'core/rpc', 'core/profile', 'core/provider', 'core/app'],
  electron: ['core/contract', 'core/base', 'core/rpc', 'core/profile', 'core/provider', 'core/app'],
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

  test('within dns arrows point down too: resolvers and the pool know nothing of who asks, nor of each other', () => {
    const below: Record<string, readonly string[]> = {
      resolver: [],
      'fake-ip': [],
      names: ['resolver'],
      upstream: ['resolver'],
      router: ['resolver', 'fake-ip', 'names'],
      server: ['resolver', 'fake-ip', 'router', 'upstream'],
    };
    const part = (file: string): string => (file.startsWith('core/dns/') ? (file.split('/').at(-2) ?? '') : '');
    const wrong = sources.flatMap((file) => {
      const own = below[part(file.path)];
      if (own === undefined) return [];
      const stray = file.imports.filter((target) => part(target) !== '' && part(target) !== part(file.path));
      return stray.filter((target) => !own.includes(part(target))).map((target) => `${file.path} -> ${target}`);
    });
    expect(wrong).toEqual([]);
  });

  test('no folder of core/dns has more files than can be read at a glance', () => {
    const counts = Map.groupBy(
      sources.filter(({ path: file }) => file.startsWith('core/dns/')),
      ({ path: file }) => path.dirname(file),
    );
    expect([...counts].filter(([, files]) => files.length > 15).map(([folder]) => folder)).toEqual([]);
  });

  test("of rule, the user side takes the parser and the form of sets only: matching is the helper's", () => {
    const may = ['rule-parser', 'rule-text', 'expression-room', 'canonical-set'].map((name) => `core/rule/${name}.ts`);
    const wrong = sources
      .filter((file) => ['core/profile', 'core/provider'].includes(folderOf(file.path)))
      .flatMap((file) => file.imports.filter((target) => target.startsWith('core/rule/') && !may.includes(target)));
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

describe('operating systems', () => {
  const platform = 'core/system/platform.ts';
  const isOfOne = (file: string): boolean => file.startsWith('core/system/linux/');

  test('only platform.ts knows which there are: a second one is a folder and a line there', () => {
    const wrong = sources
      .filter(({ path: file }) => !isOfOne(file) && file !== platform)
      .flatMap((file) => file.imports.filter((target) => isOfOne(target)).map((target) => `${file.path} -> ${target}`));
    expect(wrong).toEqual([]);
  });

  test('nothing else asks which it runs on', () => {
    /** Each says it, and why it may. */
    const may: Record<string, string> = {
      [platform]: 'chooses',
      'core/base/system-name.ts': 'is told to people, decides nothing',
      'renderer/i18n/en-errors.ts': 'says to people what is supported',
      'renderer/i18n/zh-cn-errors.ts': 'says it in Chinese',
    };
    const wrong = sources.filter(
      (file) =>
        !isOfOne(file.path) &&
        !(file.path in may) &&
        /\blinux\b|process\.platform|\bos\.platform\(/i.test(withoutComments(file)),
    );
    expect(wrong.map((file) => file.path)).toEqual([]);
  });

  test('what depends on one is not read elsewhere: /proc, /sys and /etc', () => {
    const may: Record<string, string> = { 'core/cli/main.ts': '/etc/passwd, which every Unix has' };
    const wrong = sources.filter(
      (file) =>
        !isOfOne(file.path) &&
        !file.path.startsWith('renderer/') &&
        !(file.path in may) &&
        /['"`]\/(?:proc|sys|etc)\//.test(withoutComments(file)),
    );
    expect(wrong.map((file) => file.path)).toEqual([]);
  });

  test('in Rust, sys/mod.rs chooses the folder, and only sys/ knows /proc and devices', () => {
    const files = rustSources();
    const wrong = files.filter(
      ([file, text]) =>
        (!file.startsWith('sys/linux/') && /"\/(?:proc|dev\/net)\//.test(text)) ||
        (file !== 'sys/mod.rs' && !file.startsWith('sys/linux/') && /target_os|sys::linux/.test(text)),
    );
    expect(wrong.map(([file]) => file)).toEqual([]);
    expect(files.map(([file]) => file)).toContain('sys/linux/tun.rs');
  });

  test('restore stands alone: it opens the journal and asks the kernel, whatever else is broken', () => {
    const may = [
      /^core\/(?:base|contract)\//,
      /^core\/system\/(?:command-runner|regular-file|undo-journal|undo-record)\.ts$/,
      /^core\/system\/linux\/(?:restore\.ts|routes\/|system-dns\/(?:resolv-conf-|[a-z-]+-undo\.ts$))/,
    ];
    const starts = ['core/helper/restore-offline.ts', 'core/system/linux/restore.ts'];
    const loaded = [...new Set(starts.flatMap((start) => loadedBy(start, sources)))].filter(
      (file) => file !== starts[0],
    );
    expect(loaded.filter((file) => !may.some((each) => each.test(file)))).toEqual([]);
    expect(loaded).toContain('core/system/undo-journal.ts');
    // No addon, no database, no socket.
    const packages = sources.filter((file) => loaded.includes(file.path)).flatMap((file) => file.packages);
    expect([...new Set(packages)].toSorted()).toEqual([
      'ipaddr.js',
      'node:child_process',
      'node:fs',
      'node:fs/promises',
      'node:path',
      'zod',
    ]);
  });
});

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

  test('the window loads no schemas: who checks is the app process, and zod would be a tenth of the page', () => {
    const loaded = loadedBy('renderer/main.tsx', sources);
    expect(loaded).toContain('renderer/features/profiles/editor/EditorPage.tsx');
    const wrong = sources.filter((file) => loaded.includes(file.path) && file.packages.includes('zod'));
    expect(wrong.map((file) => file.path)).toEqual([]);
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
      'core/dns/upstream/http1-session.ts': 'HTTP/1.1 on streams that the egress or an outbound has connected',
      'core/dns/upstream/http2-session.ts': 'HTTP/2 on such a stream',
      'core/dns/upstream/upstream-dialer.ts': 'TLS on such a stream',
      'core/outbound/health/probe.ts': 'TLS on a stream that an outbound has connected',
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

  test('no file is longer than 400 lines, but for those that say why', () => {
    const reasons: Record<string, string> = {
      'renderer/i18n/en.ts': 'a catalogue of messages',
      'renderer/i18n/zh-cn.ts': 'a catalogue of messages',
    };
    const long = writtenFiles().filter(({ lines }) => lines > 400);
    expect(long.filter(({ path: file }) => !(file in reasons)).map((file) => `${file.path}: ${file.lines}`)).toEqual(
      [],
    );
    // A reason whose file has become shorter is one too many.
    expect(Object.keys(reasons).filter((file) => !long.some((each) => each.path === file))).toEqual([]);
  });

  test('tests mirror paths: test/core/x/y.spec.ts and y.SUBJECT.spec.ts test core/x/y.ts', () => {
    const existing = new Set(sources.map((file) => file.path));
    const wrong = readSources(['test/core'])
      .map((file) => file.path)
      .filter((file) => /\.spec\.tsx?$/.test(file))
      .filter((file) => {
        const target = file.replace(/^test\//, '').replace(/(?:\.[a-z0-9-]+)?\.spec\.tsx?$/, '');
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
