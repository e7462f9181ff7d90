"""The image's entry for the flex-template launcher. Nothing is defined here: no DoFn lives in an entry module."""

import sys

from pipelines.dataflow.launcher_main import main

if __name__ == "__main__":
    sys.exit(main())
