"""The command `template-spec`: print the container spec of a flex template, or write the metadata files."""

import argparse
import json
import re
from pathlib import Path

from google.protobuf.json_format import ParseError

from pipelines.dataflow.metadata import check_spec, container_spec, metadata_text
from pipelines.dataflow.templates import TEMPLATES
from pipelines.errors import RunFailed, UserError

IMAGE = re.compile(
    r"[a-z0-9.-]+(?::\d+)?/[a-z0-9._/-]+(?::[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(?:@sha256:[0-9a-f]{64})?"
)


def run(args: argparse.Namespace) -> int:
    """Print or write a spec, or write the metadata files."""
    if args.write_metadata is not None:
        for name, template in TEMPLATES.items():
            path = Path(args.write_metadata) / name / "metadata.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(metadata_text(template), encoding="utf-8")
            print(path)
        return 0
    if args.template is None or args.image is None:
        raise UserError("--template NAME and --image IMAGE: both are needed")
    check_image(args.image)
    spec = container_spec(TEMPLATES[args.template], args.image)
    try:
        check_spec(spec)
    except ParseError as error:
        raise RunFailed(f"Dataflow cannot read the spec: {error}") from None
    text = json.dumps(spec, indent=2, ensure_ascii=False) + "\n"
    if args.output is None:
        print(text, end="")
    else:
        write_text(args.output, text)
        print(args.output)
    return 0


def check_image(image: str) -> None:
    """Raise UserError for a value that is not an image, or for an image that can change under a running job."""
    if not IMAGE.fullmatch(image):
        raise UserError(f"--image {image}: is not REGISTRY/PATH:TAG or REGISTRY/PATH@sha256:DIGEST")
    name = image.rsplit("/", 1)[-1]
    if "@" not in name and (":" not in name or name.endswith(":latest")):
        raise UserError(f"--image {image}: needs a tag that is not `latest`, or a digest: workers start at any time")


def write_text(path: str, text: str) -> None:
    """Write a small file, here or on Cloud Storage."""
    if not path.startswith("gs://"):
        Path(path).write_text(text, encoding="utf-8")
        return
    from apache_beam.io.filesystems import FileSystems

    with FileSystems.create(path, "application/json") as file:
        file.write(text.encode())
