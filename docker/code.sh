#!/bin/sh
# Build stage "code": this project's own packages in /code/app, compiled to bytecode.
set -eu

# A checkout's modes depend on the umask of whoever made it.
chmod -R u=rwX,go=rX /code
# Compared by content, unlike those of the packages: development replaces the sources in place.
python3 -m compileall -q -j 0 --invalidation-mode checked-hash -s /code -p / /code/app
find /code -exec touch --no-dereference --date=@0 {} +
