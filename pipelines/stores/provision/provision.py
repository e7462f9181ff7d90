"""Make the stores what `schemas/` says they are: for the command `provision`, and for every run over a local folder."""

from pipelines.errors import RunFailed
from pipelines.stores.provision.plan import Plan, make_plan
from pipelines.stores.provision.resources import Settings, wanted
from pipelines.stores.provision.stores import apply_plan, read_existing
from pipelines.stores.target import Endpoints, Target
from schemas.registry import REGISTRY, Registry


class ProvisionRefused(RunFailed):
    """The stores cannot become what they should be without losing data; the message is the plan."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(f"{plan}\nrefused: the steps marked ! would lose data; nothing was changed")
        self.plan = plan


def provision(
    endpoints: Endpoints,
    target: Target,
    registry: Registry = REGISTRY,
    window_seconds: int = 60,
    settings: Settings | None = None,
    dry_run: bool = False,
) -> Plan:
    """Make the target's stores what the models say and return what was done.

    Raises ProvisionRefused, with nothing changed, where that would lose data; RunFailed where BigQuery refuses.
    `window_seconds` is the width of event_counts_current's windows.
    """
    settings = settings or Settings()
    resources = wanted(target, registry, target.names(window_seconds), settings)
    plan = make_plan(resources, read_existing(endpoints.bigquery, resources), settings)
    if plan.refused:
        raise ProvisionRefused(plan)
    if not dry_run:
        apply_plan(endpoints.bigquery, plan)
    return plan
