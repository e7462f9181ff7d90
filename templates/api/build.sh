#!/usr/bin/env bash
# Builds the API's image and pushes it:
#   templates/api/build.sh REGION-docker.pkg.dev/PROJECT/event-pipelines/api:VERSION [OPTIONS OF THE BUILD...]
# Takes docker, or buildah where there is no docker (TOOL=buildah to insist). PUSH=no only builds.
set -euo pipefail
cd "$(dirname "$0")/../.."

image=${1:?usage: templates/api/build.sh IMAGE:VERSION [OPTIONS OF THE BUILD...]}
shift
tool=${TOOL:-$(command -v docker || command -v buildah)}
ignore=()
if [ "${tool##*/}" = buildah ]; then
    ignore=(--ignorefile templates/Dockerfile.dockerignore)
fi
"$tool" build -f templates/api/Dockerfile -t "$image" "${ignore[@]}" "$@" \
    --build-arg VERSION="${image##*:}" --build-arg REVISION="$(git rev-parse HEAD 2>/dev/null || echo unknown)" .
if [ "${PUSH:-yes}" = yes ]; then
    "$tool" push "$image"
fi
