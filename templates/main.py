"""The image's entry point for the flex-template launcher. It defines nothing: no DoFn may live in an entry module."""

import sys

from pipelines.dataflow.launcher_main import main

if __name__ == "__main__":
    sys.exit(main())
