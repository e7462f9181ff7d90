"""`python -m benchmarks.variants NAME INPUT OUTPUT`: run one variant and print when its work began and ended."""

import importlib
import json
import shutil
import sys
import time
from pathlib import Path

from benchmarks.variants import VARIANTS


def main() -> None:
    """Run a variant; imports are done before its work begins, and their cost is reported separately."""
    name, source, output = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    module = importlib.import_module(f"benchmarks.variants.{VARIANTS[name].module}")
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    start_cpu, began = time.process_time(), time.monotonic()
    module.run(source, output)
    print("\n" + json.dumps({"start_cpu": start_cpu, "work_wall": time.monotonic() - began}))


if __name__ == "__main__":
    main()
