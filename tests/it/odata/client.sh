#!/bin/sh
# Runs client.py with the packages of requirements.txt, in a virtual environment that is made once: client.sh FOLDER URL TOKEN.
# Ends with 77 where that cannot be had.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=$1
shift
unavailable() {
    echo "$*" >&2
    exit 77
}
command -v python3 >/dev/null || unavailable "there is no python3"
if ! cmp -s "$here/requirements.txt" "$folder/made-of"; then
    rm -rf "$folder"
    python3 -m venv "$folder" >&2 || unavailable "python3 makes no virtual environment (on Debian: apt-get install python3-venv)"
    "$folder/bin/pip" install --quiet --disable-pip-version-check --no-deps -r "$here/requirements.txt" >&2 ||
        unavailable "the packages cannot be installed"
    cp "$here/requirements.txt" "$folder/made-of"
fi
exec "$folder/bin/python" "$here/client.py" "$@"
