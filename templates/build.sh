#!/usr/bin/env bash
# Builds the image and pushes it:
#   templates/build.sh REGION-docker.pkg.dev/PROJECT/event-pipelines/event-pipelines:VERSION [OPTIONS OF THE BUILD...]
# Takes docker, or buildah where there is no docker (TOOL=buildah to insist). PUSH=no only builds.
# Where pip reaches PyPI by a configuration of yours: --secret id=pip,src=$HOME/.config/pip/pip.conf
# Base images are named by digest, from templates/base-images.lock (templates/lock-base-images.sh writes it), or by
# --build-arg BEAM_IMAGE=…, LAUNCHER_IMAGE=…, PYTHON_IMAGE=… for bases of your own.
set -euo pipefail
cd "$(dirname "$0")/.."

image=${1:?usage: templates/build.sh IMAGE:VERSION [OPTIONS OF THE BUILD...]}
shift
version=${image##*:}
tool=${TOOL:-$(command -v docker || command -v buildah)}
python=.venv/bin/python
[ -x "$python" ] || python=python3
lock=${BASE_IMAGES:-templates/base-images.lock}

bases=()
for name in BEAM_IMAGE LAUNCHER_IMAGE PYTHON_IMAGE; do
    if [[ " $* " == *"$name="* ]]; then
        continue
    fi
    base=$(sed -n "s/^$name=//p" "$lock" 2>/dev/null || true)
    if [[ ! $base =~ @sha256:[0-9a-f]{64}$ ]]; then
        echo "$lock: names no digest for $name; run templates/lock-base-images.sh and commit the file" >&2
        exit 2
    fi
    bases+=(--build-arg "$name=$base")
done

mkdir -p build
"$python" -m cyclonedx_py requirements --output-reproducible -o build/sbom.json templates/requirements.lock

ignore=()
if [ "${tool##*/}" = buildah ]; then # docker finds this file by its name
    ignore=(--ignorefile templates/Dockerfile.dockerignore)
fi
"$tool" build -f templates/Dockerfile -t "$image" "${ignore[@]}" "${bases[@]}" "$@" \
    --build-arg VERSION="$version" --build-arg REVISION="$(git rev-parse HEAD 2>/dev/null || echo unknown)" .
if [ "${PUSH:-yes}" = yes ]; then
    "$tool" push "$image"
    echo "the digest for Terraform's image_digest is the one that the push printed"
fi
