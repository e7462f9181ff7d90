#!/usr/bin/env bash
# Builds the image and pushes it:
#   templates/build.sh REGION-docker.pkg.dev/PROJECT/event-pipelines/event-pipelines:VERSION [OPTIONS OF THE BUILD...]
# Takes docker, or buildah where there is no docker (TOOL=buildah to insist). PUSH=no only builds.
# Where pip reaches PyPI by a configuration of yours: --secret id=pip,src=$HOME/.config/pip/pip.conf
set -euo pipefail
cd "$(dirname "$0")/.."

image=${1:?usage: templates/build.sh IMAGE:VERSION [OPTIONS OF THE BUILD...]}
shift
version=${image##*:}
tool=${TOOL:-$(command -v docker || command -v buildah)}
python=.venv/bin/python
[ -x "$python" ] || python=python3

mkdir -p build
"$python" -m cyclonedx_py requirements --output-reproducible -o build/sbom.json templates/requirements.lock

ignore=()
if [ "${tool##*/}" = buildah ]; then # docker finds this file by its name
    ignore=(--ignorefile templates/Dockerfile.dockerignore)
fi
"$tool" build -f templates/Dockerfile -t "$image" "${ignore[@]}" "$@" \
    --build-arg VERSION="$version" --build-arg REVISION="$(git rev-parse HEAD 2>/dev/null || echo unknown)" .
if [ "${PUSH:-yes}" = yes ]; then
    "$tool" push "$image"
fi
