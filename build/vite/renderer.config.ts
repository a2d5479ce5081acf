/** Builds the renderer into dist/renderer: one build for Electron (app://) and for browsers, no inline scripts or styles. */
import { fileURLToPath } from 'node:url';
import react from '@vitejs/plugin-react';
import { defineConfig, type Plugin } from 'vite';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** What the page may load and where it may connect. The servers send the same as a header; this holds without them too. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

/** Only in builds: the development server's hot reload needs inline scripts. */
const policyTag: Plugin = {
  name: 'mirage-content-security-policy',
  apply: 'build',
  transformIndexHtml: () => [
    {
      tag: 'meta',
      attrs: { 'http-equiv': 'Content-Security-Policy', content: contentSecurityPolicy },
      injectTo: 'head-prepend',
    },
  ],
};

export default defineConfig({
  root: `${root}renderer`,
  base: './',
  plugins: [react(), policyTag],
  build: {
    outDir: `${root}dist/renderer`,
    emptyOutDir: true,
    // The oldest engine that it is tried in.
    target: 'chrome114',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 800,
  },
});
