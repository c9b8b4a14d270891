#!/bin/sh
# Say what this machine lacks for an exercise: sh docs/exercises/needs.sh runc root
# `root` is the user, `engine` a Docker engine on this machine itself, `registry` Docker Hub or what mirrors it.
# Everything else is a program. The tests skip what this script refuses.
set -u
status=0

lacks() {
    echo "This machine lacks $1"
    status=1
}

for need in "$@"; do
    case $need in
        root)
            [ "$(id -u)" = 0 ] || lacks "the rights of root: start a root shell in this folder with sudo -s" ;;
        engine)
            case $(docker info --format '{{.OperatingSystem}}' 2>&1) in
                *Desktop*) lacks "its own engine. Docker Desktop hides its engine in a virtual machine: use Linux" ;;
                *annot\ connect* | *ermission\ denied*) lacks "a Docker engine that answers: start it" ;;
            esac
            [ "$(uname -s)" = Linux ] || lacks "Linux" ;;
        registry)
            docker buildx imagetools inspect python:3.13-slim >/dev/null 2>&1 \
                || lacks "a registry: Docker Hub does not answer for python:3.13-slim" ;;
        *)
            package=$need
            case $need in lsns | nsenter | unshare) package=util-linux ;; esac
            command -v "$need" >/dev/null || lacks "the program $need: install the package $package" ;;
    esac
done
[ "$status" = 0 ] && echo "This machine has what the exercise needs."
exit "$status"
