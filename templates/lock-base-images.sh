#!/usr/bin/env bash
# Writes templates/base-images.lock: the Dockerfile's base images by the digests that their tags have now. A tag can be moved
# to another image; a digest cannot. Needs skopeo, or docker with buildx. Run it to update, look at what changed, commit it.
set -euo pipefail
cd "$(dirname "$0")"

digest() {
    if command -v skopeo >/dev/null; then
        skopeo inspect --no-tags --format '{{.Digest}}' "docker://$1"
    else
        docker buildx imagetools inspect --format '{{.Manifest.Digest}}' "$1"
    fi
}

beam=$(sed -n 's/^ARG BEAM_VERSION=//p' Dockerfile)
made=$(mktemp)
trap 'rm -f "$made"' EXIT
sed -n 's/^ARG \(BEAM_IMAGE\|LAUNCHER_IMAGE\|PYTHON_IMAGE\)=/\1=/p' Dockerfile | while IFS='=' read -r name tag; do
    tag=${tag//'${BEAM_VERSION}'/$beam}
    [[ $tag == */* ]] || tag=library/$tag
    [[ ${tag%%/*} == *.* ]] || tag=docker.io/$tag
    echo "$name=$tag@$(digest "$tag")"
done >"$made"
grep -cq '@sha256:' "$made"
cp "$made" base-images.lock
cat base-images.lock
