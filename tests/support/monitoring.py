"""Alert policies as files: filled in as Terraform does, read as Google's proto, and as rules for promtool."""

import json
import re
from typing import Any

import yaml
from google.cloud import monitoring_v3

from tests.support.paths import ROOT

POLICIES = ROOT / "templates" / "monitoring" / "policies"
RUNBOOKS = ROOT / "docs" / "runbooks"
VALUES = {
    "prefix": "event-pipelines",
    "metric_prefix": "event_pipelines",
    "runbooks": "https://example.com/docs/runbooks",
    "lag_seconds": "30",
    "throughput_share": "0.8",
    "dead_letters": "100",
    "backlog_seconds": "600",
    "silence_minutes": "15",
    "sink_retries": "50",
    "sagas_stuck": "10",
    "api_latency_seconds": "0.5",
    "api_error_share": "0.05",
}
NAMES = sorted(path.stem for path in POLICIES.glob("*.yaml"))


def fill(text: str, values: dict[str, str] | None = None) -> str:
    """Fill in a template as Terraform's templatefile does; KeyError for a name it is not given."""
    filled = re.sub(r"(?<!\$)\$\{(\w+)\}", lambda match: (values or VALUES)[match[1]], text)
    return filled.replace("$${", "${")


def policy(name: str) -> dict[str, Any]:
    """Return a policy, filled in."""
    found: dict[str, Any] = yaml.safe_load(fill((POLICIES / f"{name}.yaml").read_text()))
    return found


def read_strictly(body: dict[str, Any]) -> monitoring_v3.AlertPolicy:
    """Return the policy as Google reads it; an unknown field is an error."""
    return monitoring_v3.AlertPolicy.from_json(json.dumps(body), ignore_unknown_fields=False)


def dashboard() -> dict[str, Any]:
    """Return the dashboard, filled in."""
    found: dict[str, Any] = json.loads(fill((ROOT / "templates" / "monitoring" / "dashboard.json").read_text()))
    return found


def rules() -> dict[str, Any]:
    """Return all policies' conditions as a Prometheus rules file."""
    conditions = [item["conditionPrometheusQueryLanguage"] for name in NAMES for item in policy(name)["conditions"]]
    made = [
        {"alert": condition["alertRule"], "expr": condition["query"], "for": condition["duration"]}
        for condition in conditions
    ]
    return {"groups": [{"name": "event-pipelines", "interval": "1m", "rules": made}]}
