"""The options of the command `template-spec`."""

import argparse

from pipelines.dataflow.templates import TEMPLATES

HELP = "Print the container spec of a flex template, to be stored at gs://BUCKET/templates/NAME.json."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument("--template", choices=tuple(TEMPLATES), help="name of the template")
    parser.add_argument("--image", help="the image, with a tag or a digest: REGION-docker.pkg.dev/P/REPO/NAME:TAG")
    parser.add_argument("--output", metavar="FILE", help="write to this file (local or gs://…) instead of printing")
    parser.add_argument("--write_metadata", metavar="DIR", help="write DIR/NAME/metadata.json for each template")
