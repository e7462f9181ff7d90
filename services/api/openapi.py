"""Export the OpenAPI document: `python -m services.api.openapi templates/api/openapi.yaml`."""

import sys
from pathlib import Path
from typing import Any

import yaml

from services.api.app import create_app


class _Dumper(yaml.SafeDumper):
    """Writes shared parts whole: anchors are legal YAML, and readers of OpenAPI stumble over them."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def openapi_yaml() -> str:
    """Return the document as YAML, the same for the same code."""
    return yaml.dump(create_app(None).openapi(), Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True)


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(openapi_yaml(), encoding="utf-8")
    print(path)
