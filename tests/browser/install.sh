#!/usr/bin/env bash
# Makes sure that there is a Chromium for the browser tests, and fonts for what models write. Installs nothing where
# there is one: `make test` runs this every time.
set -euo pipefail

if [ -n "${ENTAILBENCH_CHROMIUM:-}" ]; then
    if [ -x "$ENTAILBENCH_CHROMIUM" ]; then exit 0; fi
    echo "ENTAILBENCH_CHROMIUM is $ENTAILBENCH_CHROMIUM, which is no program" >&2
    exit 1
fi
if command -v chromium >/dev/null; then exit 0; fi

if ! command -v apt-get >/dev/null; then
    echo "The browser tests need Chromium or Chrome, and there is no apt-get here to install it with." >&2
    echo "Install one and name it: export ENTAILBENCH_CHROMIUM=/path/to/chrome" >&2
    exit 1
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null || ! sudo -n true 2>/dev/null; then
        echo "The browser tests need Chromium. Install it as root, then go on:" >&2
        echo "  apt-get install chromium fonts-dejavu-core fonts-noto-color-emoji" >&2
        echo "or name the one there is: export ENTAILBENCH_CHROMIUM=/path/to/chrome" >&2
        exit 1
    fi
    as_root=(sudo -n)
fi
echo "Installing chromium for the browser tests (once) ..."
packages=(chromium fonts-dejavu-core fonts-noto-color-emoji)
install() {
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install --yes --quiet --quiet --no-install-recommends "${packages[@]}" >/dev/null
}
# The lists may be missing, or older than what the mirror still has.
install 2>/dev/null || { "${as_root[@]}" apt-get update --quiet --quiet && install; }
command -v chromium >/dev/null || { echo "apt-get installed no program called chromium" >&2; exit 1; }
