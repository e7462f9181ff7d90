#!/usr/bin/env bash
# Builds the image and pushes it: templates/build.sh REGION-docker.pkg.dev/PROJECT/event-pipelines/event-pipelines:VERSION
# Takes docker, or buildah where there is no docker. PUSH=no only builds.
set -euo pipefail
cd "$(dirname "$0")/.."

image=${1:?usage: templates/build.sh IMAGE:VERSION}
version=${image##*:}
tool=$(command -v docker || command -v buildah)

mkdir -p build
python -m cyclonedx_py requirements --output-reproducible -o build/sbom.json templates/requirements.lock

ignore=()
if [ "${tool##*/}" = buildah ]; then # docker finds this file by its name
    ignore=(--ignorefile templates/Dockerfile.dockerignore)
fi
"$tool" build -f templates/Dockerfile -t "$image" "${ignore[@]}" \
    --build-arg VERSION="$version" --build-arg REVISION="$(git rev-parse HEAD 2>/dev/null || echo unknown)" .
if [ "${PUSH:-yes}" = yes ]; then
    "$tool" push "$image"
fi
