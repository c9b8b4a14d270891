#!/bin/sh
# Build stage "environment": the virtual environment /opt/venv of one service, from its own hashed
# requirements, stripped, compiled to bytecode, and left in /environment.
# Reads /requirements/service.txt.
set -eu

export UV_LINK_MODE=copy            # the cache is a mount: nothing can be linked out of it
export UV_PYTHON_DOWNLOADS=never    # the base image's Python, no other
export UV_NO_INSTALLER_METADATA=1   # no file tells when and by what it was installed

uv venv --quiet --no-project --python "$(command -v python3)" /opt/venv
uv pip install --quiet --python /opt/venv/bin/python --no-build --require-hashes \
  --requirement /requirements/service.txt

# What running never reads: symbols for debuggers, tests, type stubs, C sources, activation scripts.
find /opt/venv/lib -name '*.so' -exec strip --strip-unneeded {} +
find /opt/venv/lib -type d \( -name tests -o -name test \) -prune -exec rm -rf {} +
find /opt/venv/lib -type f \( -name '*.py[ix]' -o -name '*.pxd' -o -name '*.[ch]' \) -delete
rm -f /opt/venv/.lock /opt/venv/.gitignore /opt/venv/CACHEDIR.TAG
rm -f /opt/venv/bin/activate* /opt/venv/bin/*.bat

# These files never change again, so that Python need not compare them with their sources.
/opt/venv/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/venv/lib
mkdir -p /environment/opt
mv /opt/venv /environment/opt/
find /environment -exec touch --no-dereference --date=@0 {} +
