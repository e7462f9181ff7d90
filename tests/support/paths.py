"""Where tests find things: the repository, their data, and material kept beside the repository, where it is there."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "tests" / "data"
SHARED = ROOT.parent / "shared"
