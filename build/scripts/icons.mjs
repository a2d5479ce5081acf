/**
 * Makes every PNG of build/icons from build/icons/mirage.svg, with a Chromium of this machine. Run after changing the SVG;
 * the PNGs are kept in the repository. `node build/scripts/icons.mjs [path of chromium]`
 */
import fs from 'node:fs';
import path from 'node:path';
import { chromium } from 'playwright-core';
import { findProgram, main, root, UserError } from './toolchain.mjs';

const folder = path.join(root, 'build', 'icons');
const appSizes = [16, 32, 48, 64, 128, 256, 512];
/** Logical size of a tray icon, drawn once and twice as dense. */
const traySize = 22;

/** The tray shows the mark alone, close to its edges, in a colour that both light and dark panels carry. */
const trayStyles = {
  on: trayStyle('#12a3b4', ''),
  off: trayStyle('#8c959c', '.sun { fill: none !important; stroke: #8c959c; stroke-width: 30 }'),
  trouble: trayStyle('#8c959c', '.badge { display: inline !important; fill: #e0453a }'),
};

function trayStyle(colour, extra) {
  return `#ground { display: none }
    .sun, .near, .mid, .far { fill: ${colour} !important }
    .near { opacity: .75 !important } .mid { opacity: .5 !important } .far { display: none }
    .horizon { stroke: ${colour} !important; stroke-width: 30 !important } ${extra}`;
}

await main(async ([executablePath = findProgram('chromium') ?? findProgram('google-chrome')]) => {
  if (executablePath === undefined) throw new UserError('no Chromium here: name one, or "apt install chromium"');
  const svg = fs.readFileSync(path.join(folder, 'mirage.svg'), 'utf8');
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  try {
    const page = await browser.newPage();
    const draw = async (file, size, source) => {
      await page.setViewportSize({ width: size, height: size });
      await page.setContent(
        `<style>html, body { margin: 0 } svg { display: block; width: ${size}px; height: ${size}px }</style>${source}`,
      );
      await page.screenshot({ path: path.join(folder, file), omitBackground: true });
    };
    for (const size of appSizes) await draw(`app/${size}x${size}.png`, size, svg);
    for (const [state, style] of Object.entries(trayStyles)) {
      const source = svg
        .replace('</style>', `${style}</style>`)
        .replace('viewBox="0 0 512 512"', 'viewBox="68 84 376 376"');
      await draw(`tray/${state}.png`, traySize, source);
      await draw(`tray/${state}@2x.png`, traySize * 2, source);
    }
  } finally {
    await browser.close();
  }
  return 0;
});
