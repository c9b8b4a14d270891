#!/bin/sh
# Gives a cluster on this machine the images of this machine's engine.
# Usage: mk/load.sh kind|minikube|k3d|docker-desktop IMAGE...; the cluster's name, if it has one, in CLUSTER_NAME.
set -eu
cluster=$1
shift
name=${CLUSTER_NAME:-}
case $cluster in
    kind) set -- kind load docker-image ${name:+--name "$name"} "$@" ;;
    minikube) set -- minikube ${name:+--profile "$name"} image load "$@" ;;
    k3d) set -- k3d image import ${name:+--cluster "$name"} "$@" ;;
    docker-desktop)
        echo "Docker Desktop's cluster (kubeadm) uses the engine's images as they are: nothing to load." >&2
        exit 0
        ;;
    *)
        echo "CLUSTER: '$cluster' is unknown: use kind, minikube, k3d or docker-desktop" >&2
        exit 2
        ;;
esac
if ! command -v "$1" > /dev/null; then
    echo "$1 is not installed: see docs/kubernetes.md for how images get into a cluster" >&2
    exit 127
fi
exec "$@"
