#!/bin/sh
# Lock the versions of every role: `make lock`. The largest set is resolved first and binds the others,
# so that a package has one version everywhere. A local build of torch (2.13.0+cpu) is written as 2.13.0.
# Hashes are left out: the processor and the CUDA build of torch share a version, not a file.
set -eu
cd "$(dirname "$0")"
compile() {
    role=$1
    shift
    python -m piptools compile --quiet --no-header --no-annotate --strip-extras --no-allow-unsafe \
        --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-emit-options \
        --output-file "$role.txt" "$@" "$role.in"
    sed -i.old -E -e 's/^(torch==[0-9.]+)\+[a-z0-9]+/\1/' -e '/^(--|#|$)/d' "$role.txt"
    rm "$role.txt.old"
}
compile dev
for role in api worker standalone s3; do
    compile "$role" --constraint dev.txt
done
