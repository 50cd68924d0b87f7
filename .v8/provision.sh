#!/bin/sh
# Stages the Linux distribution's V8 (package libnode-dev and its library) in target/v8, where .cargo/config.toml and build.rs look
# for it. Needs no root when the package lists are there; installs nothing system-wide; takes under a second when all is in place.
#
#   target/v8/include       links to the distribution's headers, and our two bridging headers
#   target/v8/lib           libnode.so and the libraries that it needs and this machine lacks (build.rs sets the rpath to it)
#   target/v8/out.gn/...    an empty archive: mini-v8 asks for one by this name
#
# Usage: .v8/provision.sh [--refresh]     --refresh: ask the distribution again (after a security fix of V8)
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
stage=$root/target/v8
packages=$stage/packages
stamp=$stage/.stamp

say() { printf 'v8: %s\n' "$*" >&2; }
fail() {
    say "$1"
    say "Orrery needs the V8 that Debian (12, 13) and Ubuntu (24.04) ship as the package libnode-dev, a C++ compiler (g++) and ar (binutils)."
    say "On such a system: apt-get update && apt-get install g++ binutils libnode-dev, then call this again."
    say "On any other system: build inside one of those distributions' containers (the Dockerfile does)."
    exit 1
}

# What a stage depends on: this recipe, and the version of an installed libnode-dev if there is one.
installed_version() { dpkg-query -W -f '${db:Status-Abbrev}${Version}' libnode-dev 2>/dev/null | sed -n 's/^ii *//p'; }
fingerprint() { cat "$here/provision.sh" "$here"/include/*.h | cksum; printf '%s %s\n' "$root" "$(installed_version)"; }

ready() {
    [ "${1:-}" != --refresh ] && [ -f "$stamp" ] && [ -e "$stage/lib/libnode.so" ] && [ -e "$stage/include/v8-isolate.h" ] &&
        [ "$(cat "$stamp")" = "$(fingerprint)" ]
}
if ready "${1:-}"; then exit 0; fi

for tool in apt-get apt-cache dpkg dpkg-query; do
    command -v $tool >/dev/null 2>&1 || fail "there is no $tool on this machine."
done
for tool in g++ ar ldd; do
    command -v $tool >/dev/null 2>&1 || fail "there is no $tool on this machine."
done

mkdir -p "$stage"
# Two builds at once must not unpack over each other.
if command -v flock >/dev/null 2>&1; then
    exec 9>"$stage/.lock"
    flock 9
    if ready "${1:-}"; then exit 0; fi
fi
rm -rf "$stage/include" "$stage/lib" "$stage/out.gn" "$packages" "$stamp"
mkdir -p "$stage/include" "$stage/lib" "$stage/out.gn/x64.release/obj" "$packages"

unsandboxed=
[ "$(id -u)" = 0 ] && unsandboxed="-o APT::Sandbox::User=root"

candidate() { apt-cache policy "$1" 2>/dev/null | sed -n 's/^ *Candidate: //p' | grep -v '(none)' || true; }
depends() { apt-cache depends --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces --no-enhances "$1" |
    sed -n 's/^ *Depends: \([^<:]*\)$/\1/p'; }
installed() { dpkg-query -W -f '${db:Status-Abbrev}' "$1" 2>/dev/null | grep -q '^ii'; }
fetch() { # fetch PACKAGE: downloads and unpacks it under $packages
    say "fetching $1 $(candidate "$1")"
    # shellcheck disable=SC2086
    (cd "$packages" && apt-get $unsandboxed -qq download "$1" >&2) || fail "apt-get could not download $1."
    for archive in "$packages"/*.deb; do dpkg -x "$archive" "$packages" && rm "$archive"; done
}

if [ -n "$(installed_version)" ]; then
    library_package=$(depends libnode-dev | grep '^libnode[0-9]' | head -n 1)
    headers=$(dpkg -L libnode-dev | sed -n 's|/v8-isolate\.h$||p' | sort | head -n 1)
    library=$(dpkg -L "$library_package" | grep '/libnode\.so\.[0-9]*$' | head -n 1)
    say "using the installed libnode-dev $(installed_version)"
else
    if [ -z "$(candidate libnode-dev)" ]; then
        [ "$(id -u)" = 0 ] || fail "the package lists are empty; run 'apt-get update' as root first."
        say "the package lists are empty: running apt-get update"
        apt-get -qq update >&2 || fail "apt-get update failed."
    fi
    # A Node.js from elsewhere puts its own libnode-dev lookalike under another name, never under this one.
    [ -n "$(candidate libnode-dev)" ] || fail "apt knows no package libnode-dev (on Ubuntu it is in 'universe')."
    library_package=$(depends libnode-dev | grep '^libnode[0-9]' | head -n 1)
    [ -n "$library_package" ] || fail "libnode-dev names no libnode package."
    fetch libnode-dev
    fetch "$library_package"
    headers=$(find "$packages/usr/include" -name v8-isolate.h -printf '%h\n' | sort | head -n 1)
    library=$(find "$packages/usr/lib" -name 'libnode.so.*' | head -n 1)
    # Libraries that libnode needs and this machine lacks: among the packages that it depends on.
    if ldd "$library" | grep -q 'not found'; then
        for package in $(depends "$library_package" | grep '^lib'); do
            installed "$package" || fetch "$package"
        done
    fi
fi
[ -n "$headers" ] && [ -n "$library" ] || fail "the packages hold no V8 headers or no libnode.so; is this a new layout?"

for header in "$headers"/*; do
    case $(basename "$header") in v8*.h|cppgc|libplatform) ln -s "$header" "$stage/include/" ;; esac
done
rm -f "$stage/include/v8.h" "$stage/include/v8config.h"
for name in v8.h v8config.h; do sed "s|@HEADERS@|$headers|" "$here/include/$name" >"$stage/include/$name"; done

ar crs "$stage/out.gn/x64.release/obj/libv8_monolith.a"

ln -s "$library" "$stage/lib/$(basename "$library")"
ln -s "$(basename "$library")" "$stage/lib/libnode.so"
if [ -d "$packages/usr/lib" ]; then
    find "$packages/usr/lib" "$packages/lib" -name 'lib*.so.*' ! -name 'libnode.so*' 2>/dev/null | while read -r extra; do
        ln -sf "$extra" "$stage/lib/"
    done
fi
missing=$(LD_LIBRARY_PATH="$stage/lib" ldd "$library" | sed -n 's/^[[:space:]]*\([^ ]*\) => not found/\1/p')
[ -z "$missing" ] || fail "libnode needs libraries that no package of its dependencies gave: $missing"

fingerprint >"$stamp"
say "ready: $(basename "$library") with the headers of V8 $(sed -n 's/^#define V8_M[AI][JN]OR_VERSION //p' "$headers/v8-version.h" | paste -sd.)"
