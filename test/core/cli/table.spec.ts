import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { colourPaint, paintFor, plainPaint } from '../../../core/cli/paint.ts';
import { plainText } from '../../../core/cli/plain-text.ts';
import { type Column, displayWidth, LiveTable, type Narrowing, renderTable } from '../../../core/cli/table.ts';

interface Pair {
  name: string;
  count: number;
}
const columns: Column<Pair>[] = [
  { title: 'NAME', value: (pair) => pair.name, shrinkTo: 4 },
  { title: 'COUNT', value: (pair) => String(pair.count), align: 'right', style: () => 'red' },
];
const render = (rows: Pair[], width?: number) => renderTable(columns, rows, { paint: plainPaint, width });

describe('renderTable', () => {
  test('aligns left and right', () => {
    expect(
      render([
        { name: 'a', count: 1 },
        { name: 'long', count: 1000 },
      ]),
    ).toEqual(['NAME  COUNT', 'a         1', 'long   1000']);
  });

  test('cuts the widest shrinkable column to fit, never below its minimum', () => {
    const rows = [{ name: 'a-very-long-name', count: 1 }];
    expect(render(rows, 16)).toEqual(['NAME       COUNT', 'a-very-l…      1']);
    expect(render(rows, 5)).toEqual(['NAME  COUNT', 'a-v…      1']);
  });

  test('spare columns go before any other gives way', () => {
    const spare: Column<Pair>[] = [...columns, { title: 'SPARE', value: () => 'x', spare: true }];
    const lines = (width: number) => renderTable(spare, [{ name: 'name', count: 1 }], { paint: plainPaint, width });
    expect(lines(18)).toEqual(['NAME  COUNT  SPARE', 'name      1  x']);
    expect(lines(17)).toEqual(['NAME  COUNT', 'name      1']);
  });

  test('spare columns go one by one, the last first, and for no column that can halve itself', () => {
    const spares: Column<Pair>[] = [
      { title: 'NAME', value: (pair) => pair.name, shrinkTo: 4 },
      { title: 'B', value: () => 'bbb', spare: true },
      { title: 'C', value: () => 'ccc', spare: true },
    ];
    const lines = (width: number) =>
      renderTable(spares, [{ name: 'a-very-long-name', count: 1 }], { paint: plainPaint, width });
    expect(lines(18)).toEqual(['NAME      B    C', 'a-very-…  bbb  ccc']);
    expect(lines(17)).toEqual(['NAME          B', 'a-very-long…  bbb']);
    expect(lines(10)).toEqual(['NAME', 'a-very-lo…']);
  });

  test.each<[Narrowing, string[]]>([
    ['end', ['one two t…  x']],
    ['middle', ['one t…five  x']],
    ['wrap', ['one two     x', 'three-four', '-five']],
  ])('gives way: %s', (narrow, lines) => {
    const column: Column<string> = { title: 'T', value: (text) => text, shrinkTo: 4, narrow };
    const table = renderTable([column, { title: 'X', value: () => 'x' }], ['one two three-four-five'], {
      paint: plainPaint,
      width: 13,
    });
    expect(table.slice(1)).toEqual(lines);
  });

  test('East Asian characters take two columns', () => {
    expect(displayWidth('微信')).toBe(4);
    expect(render([{ name: '微信', count: 1 }])[1]).toBe('微信      1');
    expect(render([{ name: '微信微信微信', count: 1 }], 14)).toEqual(['NAME     COUNT', '微信微…      1']);
  });

  test('styles do not count as width', () => {
    const [, line] = renderTable(columns, [{ name: 'a', count: 1 }], { paint: colourPaint, width: undefined });
    expect(line).toBe('a         \u001b[31m1\u001b[39m');
  });

  test('whatever the cells are: one line a row, and no line wider than asked where minima allow', () => {
    const pairs = fc.array(fc.record({ name: fc.string({ unit: 'binary' }), count: fc.nat(99_999) }), { minLength: 1 });
    fc.assert(
      fc.property(pairs, fc.integer({ min: 11, max: 60 }), (rows, width) => {
        const lines = render(rows, width);
        expect(lines).toHaveLength(rows.length + 1);
        for (const line of lines) {
          expect(displayWidth(line)).toBeLessThanOrEqual(width);
          for (const control of ['\n', '\r', '\u001b']) expect(line).not.toContain(control);
        }
      }),
    );
  });

  test('a wrapped text is there whole', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 1, max: 30 }), (text, width) => {
        const column: Column<string> = { title: 'T', value: (row) => row, shrinkTo: 1, narrow: 'wrap' };
        const [, ...lines] = renderTable([column], [text], { paint: plainPaint, width });
        expect(lines.join('').replaceAll(/\s/g, '')).toBe(plainText(text).replaceAll(/\s/g, ''));
      }),
    );
  });
});

describe('LiveTable', () => {
  const live = (width?: number) => new LiveTable(columns, { paint: plainPaint, width });

  test('titles once; columns keep their width and only become wider', () => {
    const table = live();
    expect(table.add([{ name: 'a', count: 1 }])).toEqual(['NAME  COUNT', 'a         1']);
    expect(table.add([{ name: 'longer', count: 1 }])).toEqual(['longer      1']);
    expect(table.add([{ name: 'a', count: 1 }])).toEqual(['a           1']);
    expect(table.add([])).toEqual([]);
  });

  test('a column that is empty so far keeps its place, at its usual width', () => {
    const [name, count] = columns;
    const usual = { ...name, title: 'NAME', value: () => '', usual: 8 };
    const table = new LiveTable([usual, count ?? usual], { paint: plainPaint, width: undefined });
    expect(table.add([{ name: '', count: 1 }])).toEqual(['NAME      COUNT', '              1']);
  });

  test('stays within the terminal, and does not shift', () => {
    const table = live(12);
    expect(table.add([{ name: 'a-very-long-name', count: 1 }])).toEqual(['NAME   COUNT', 'a-ve…      1']);
    expect(live(14).add([])).toEqual(['NAME  COUNT']);
    const settled = live(40);
    expect(settled.add([{ name: 'short', count: 1 }])).toEqual(['NAME   COUNT', 'short      1']);
    expect(settled.add([{ name: 'longer', count: 1 }])).toEqual(['long…      1']);
  });
});

describe('paintFor', () => {
  test.each([
    [{ isTTY: true }, {}, true],
    [{ isTTY: true }, { NO_COLOR: '1' }, false],
    [{ isTTY: true }, { TERM: 'dumb' }, false],
    [{ isTTY: false }, {}, false],
    [{}, {}, false],
  ])('%j %j: colours %s', (stream, environment, expected) => {
    expect(paintFor(stream, environment)('red', 'x') !== 'x').toBe(expected);
  });
});
