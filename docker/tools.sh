#!/bin/sh
# Build stage "tools", the same for all images: uv and strip for the stages after it, and in
# /rootfs what every image gets besides packages and code: tini, and Python's own bytecode.
# Reads /requirements/uv.txt.
set -eu

pip install --quiet --disable-pip-version-check --no-compile --root-user-action=ignore \
  --require-hashes --requirement /requirements/uv.txt

# tini reaps orphans and passes signals on. PID 1 must do both; Python does neither.
apt-get update -qq
DEBIAN_FRONTEND=noninteractive \
  apt-get install -qq --yes --no-install-recommends binutils 'tini=0.19.*' >/dev/null
mkdir -p /rootfs/usr/bin
cp /usr/bin/tini /rootfs/usr/bin/

# A new volume that is first mounted here takes over this owner: see compose/secret.py.
mkdir -p /rootfs/run/secrets
chown 10001:10001 /rootfs/run/secrets

# The official Python images leave out the bytecode of the standard library. Nothing could be
# written down at run time: each start, and each health check, would compile it anew.
library=$(python3 -c 'import sysconfig; print(sysconfig.get_path("stdlib"))')
unused='/(test|tests|idlelib|tkinter|turtledemo|lib2to3|ensurepip|pydoc_data|site-packages)/'
python3 -m compileall -q -f -j 0 --invalidation-mode unchecked-hash -x "$unused" "$library"
find "$library" -regextype posix-extended -name '*.pyc' ! -regex ".*$unused.*" \
  -exec cp --parents -t /rootfs {} +

# The same content gives the same layer: no file tells when it was built.
find /rootfs -exec touch --no-dereference --date=@0 {} +
