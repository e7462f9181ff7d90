"""Create or update the stores from `schemas/`: for the command `provision`, and for every run over a local folder."""

from pipelines.errors import RunFailed
from pipelines.stores.provision.plan import Plan, make_plan
from pipelines.stores.provision.resources import Settings, wanted
from pipelines.stores.provision.stores import apply_plan, read_existing
from pipelines.stores.target import Endpoints, Target
from schemas.registry import REGISTRY, Registry


class ProvisionRejected(RunFailed):
    """A change of the stores would lose data; the message is the plan."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(f"{plan}\nrejected: the steps marked ! would lose data; nothing was changed")
        self.plan = plan


def provision(
    endpoints: Endpoints,
    target: Target,
    registry: Registry = REGISTRY,
    window_seconds: int = 60,
    settings: Settings | None = None,
    dry_run: bool = False,
) -> Plan:
    """Create or update the target's stores from `schemas/` and return the plan.

    Args:
        window_seconds: width of the windows of event_counts_current.
        dry_run: change nothing.

    Raises:
        ProvisionRejected: a change would lose data; nothing was changed.
        RunFailed: BigQuery rejected a step.
    """
    settings = settings or Settings()
    resources = wanted(target, registry, target.names(window_seconds), settings)
    plan = make_plan(resources, read_existing(endpoints.bigquery, resources), settings)
    if plan.rejected:
        raise ProvisionRejected(plan)
    if not dry_run:
        apply_plan(endpoints.bigquery, plan)
    return plan
