"""Which version this is: in every row that a run writes, and in `--version`."""

from importlib.metadata import PackageNotFoundError, version


def pipeline_version() -> str:
    """Return the version of this distribution; `0.dev` in a checkout that is not installed."""
    try:
        return version("event-pipelines")
    except PackageNotFoundError:
        return "0.dev"
