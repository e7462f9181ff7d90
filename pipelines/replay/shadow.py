"""A shadow: two separate datasets and a folder of the lake, provisioned like the live stores, labelled as shadow."""

from dataclasses import replace

from google.api_core.exceptions import NotFound
from google.cloud import bigquery

from pipelines.errors import UserError
from pipelines.replay.lake_files import drop_folder
from pipelines.replay.staging import beside
from pipelines.stores.provision.provision import provision
from pipelines.stores.target import Endpoints, Target

LABEL = {"replay": "shadow"}


def shadow_target(target: Target, into: str) -> Target:
    """Return the stores of a shadow: DATASET (analytics), DATASET_store, and lake/.shadow/DATASET."""
    if not into.replace("_", "").isalnum() or not into.isascii():
        raise UserError(f"--into {into}: must be letters, digits and underscores")
    shadow = replace(target, event_store=f"{into}_store", analytics=into, lake=f"{target.lake}/.shadow/{into}")
    live = {target.event_store.lower(), target.analytics.lower()}
    if live & {shadow.event_store.lower(), shadow.analytics.lower()}:
        raise UserError(f"--into {into}: is a live dataset; name another")
    return shadow


def prepare_shadow(endpoints: Endpoints, target: Target, shadow: Target, window_seconds: int) -> None:
    """Create an empty shadow of a target; an older shadow of this name is dropped, any other dataset is rejected."""
    client = endpoints.bigquery
    names = (shadow.event_store, shadow.analytics)
    for name in names:
        try:
            found = client.get_dataset(f"{shadow.project}.{name}")
        except NotFound:
            continue
        if LABEL.items() <= found.labels.items():
            client.delete_dataset(found, delete_contents=True)
        else:
            raise UserError(f"--into {shadow.analytics}: the dataset {name} is there and is no shadow; name another")
    drop_folder(shadow.lake)
    for name, live_name in zip(names, (target.event_store, target.analytics), strict=True):
        client.create_dataset(beside(client.get_dataset(f"{target.project}.{live_name}"), name))
    provision(endpoints, shadow, window_seconds=window_seconds)
    for name in names:
        dataset = bigquery.Dataset(f"{shadow.project}.{name}")
        dataset.labels = {**client.get_dataset(dataset.reference).labels, **LABEL}
        client.update_dataset(dataset, ["labels"])
