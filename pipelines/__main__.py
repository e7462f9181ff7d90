"""`python -m pipelines COMMAND`."""

import sys


def run() -> int:
    """Run the command line; without its dependencies, say how to install them."""
    if sys.version_info < (3, 11):  # noqa: UP036
        sys.stderr.write("event-pipelines: Python 3.11 or later is needed; `make` creates an environment in .venv\n")
        return 1
    try:
        from pipelines.cli.main import main
    except ModuleNotFoundError as error:
        sys.stderr.write(f"event-pipelines: the module {error.name} is not installed; `make` creates .venv with it\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\nevent-pipelines: stopped.\n")
        return 130
    return main()


if __name__ == "__main__":
    sys.exit(run())
