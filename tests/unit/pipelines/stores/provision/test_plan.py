"""What `provision` would do: create, change, leave or reject, from resources to resources, without a server."""

import copy

import pytest

from pipelines.stores.provision.fields import merge_fields
from pipelines.stores.provision.plan import Action, Plan, make_plan
from pipelines.stores.provision.resources import Settings, wanted
from pipelines.stores.target import Target
from schemas.registry import REGISTRY

TARGET = Target("acme")
DAY = 86_400_000


def resources(settings=None):
    return wanted(TARGET, REGISTRY, TARGET.names(), settings or Settings())


def existing():
    """Return what there is after a first run, as BigQuery gives it back."""
    found = {}
    for resource in resources():
        if resource.kind == "access":
            found["dataset", resource.body["dataset"]].setdefault("access", []).append(resource.body["entry"])
        else:
            found[resource.kind, resource.name] = copy.deepcopy(resource.body)
    return found


def plan(found, **settings) -> Plan:
    chosen = Settings(**settings)
    return make_plan(resources(chosen), found, chosen)


def only(made: Plan):
    steps = [step for step in made.steps if step.action is not Action.KEEP]
    assert len(steps) == 1, str(made)
    return steps[0]


def fields_of(found, table="analytics.payment_events"):
    return found["table", table]["schema"]["fields"]


def test_everything_is_created_where_there_is_nothing():
    made = plan({})
    assert {step.action for step in made.steps} == {Action.CREATE}
    kinds = [step.resource.kind for step in made.steps]
    assert kinds == sorted(kinds, key=["dataset", "table", "view", "function", "access"].index)


def test_nothing_changes_where_all_is_there():
    assert plan(existing()).unchanged


def test_a_missing_nullable_column_is_added():
    found = existing()
    fields_of(found)[:] = [field for field in fields_of(found) if field["name"] != "reason"]
    step = only(plan(found))
    assert (step.action, step.details) == (Action.CHANGE, ("add column reason STRING",))
    assert step.body["schema"]["fields"][-1]["name"] == "reason"


def change(name, **values):
    def apply(found):
        for field in fields_of(found):
            if field["name"] == name:
                field.update(values)

    return apply


def drop(name):
    return lambda found: fields_of(found).remove(next(field for field in fields_of(found) if field["name"] == name))


def partition(**values):
    return lambda found: found["table", "analytics.payment_events"].update(timePartitioning=values or None)


@pytest.mark.parametrize(
    ("disturb", "why"),
    [
        pytest.param(
            change("amount", type="STRING"), "column amount changes its type from STRING to NUMERIC", id="type"
        ),
        pytest.param(change("amount", mode="NULLABLE"), "column amount changes its mode from NULLABLE", id="tightened"),
        pytest.param(change("reason", mode="REPEATED"), "column reason changes its mode from REPEATED", id="repeated"),
        pytest.param(drop("amount"), "column amount is required", id="new-required"),
        pytest.param(
            lambda found: fields_of(found).append({"name": "x", "type": "STRING"}), "column x is in", id="gone"
        ),
        pytest.param(
            partition(type="DAY", field="event_time"), "partitioned by DAY of event_time", id="partition-type"
        ),
        pytest.param(partition(type="MONTH", field="x"), "partitioned by MONTH of x, not by", id="partition-field"),
        pytest.param(partition(), "partitioned not at all", id="no-partition"),
    ],
)
def test_a_change_that_would_lose_data_is_rejected_and_named(disturb, why):
    found = existing()
    disturb(found)
    made = plan(found)
    step = only(made)
    assert made.rejected
    assert step.action is Action.REJECT
    assert why in str(step)


def test_a_view_with_the_name_of_a_table_is_rejected():
    found = existing()
    found["view", "event_store.events"] = found.pop(("table", "event_store.events"))
    assert "a view of this name exists" in str(only(plan(found)))


@pytest.mark.parametrize(
    ("key", "part", "value", "changed"),
    [
        pytest.param(("table", "event_store.events"), "description", "old", "description", id="table-description"),
        pytest.param(("table", "event_store.events"), "clustering", {"fields": ["topic"]}, "clustering", id="cluster"),
        pytest.param(("dataset", "analytics"), "labels", {"team": "x"}, "labels", id="labels"),
        pytest.param(("view", "analytics.stock_level"), "view", {"query": "SELECT 1"}, "view", id="view"),
        pytest.param(
            ("function", "analytics.stock_level_as_of"), "definitionBody", "x", "definitionBody", id="function"
        ),
    ],
)
def test_what_loses_nothing_is_changed(key, part, value, changed):
    found = existing()
    found[key][part] = value
    step = only(plan(found))
    assert (step.action, step.changed) == (Action.CHANGE, (changed,))


def test_labels_of_others_stay():
    found = existing()
    found["dataset", "analytics"]["labels"] = {"team": "x"}
    assert only(plan(found)).body["labels"]["team"] == "x"


def test_a_dataset_in_another_location_is_rejected():
    found = existing()
    found["dataset", "analytics"]["location"] = "US"
    found["dataset", "event_store"]["location"] = "EU"
    assert "its location is US, not eu" in str(only(plan(found, location="eu")))


def test_an_expiry_of_tables_with_data_needs_a_confirmation():
    found = existing()
    assert plan(found, expiry_days={"event_store": 30}).rejected
    made = plan(found, expiry_days={"event_store": 30}, allow_shorter_expiry=True)
    assert [step.body["timePartitioning"]["expirationMs"] for step in made.of(Action.CHANGE)] == [str(30 * DAY)] * 6


def test_a_longer_expiry_and_none_at_all_are_set_at_once_and_an_option_not_given_leaves_it():
    found = existing()
    for table in ("event_store.events", "event_store.dead_letters"):
        found["table", table]["timePartitioning"]["expirationMs"] = str(30 * DAY)
    assert plan(found).unchanged
    assert len(plan(found, expiry_days={"event_store": 60}).of(Action.CHANGE)) == 2
    assert len(plan(found, expiry_days={"event_store": 0}).of(Action.CHANGE)) == 2


def test_a_policy_tag_guards_payload_columns_and_is_never_removed_by_an_update():
    tag = {"names": ["projects/p/locations/l/taxonomies/1/policyTags/2"]}
    made = plan(existing(), policy_tags={"payload": tag["names"][0]})
    guarded = {
        (step.resource.name, field["name"])
        for step in made.of(Action.CHANGE)
        for field in step.body["schema"]["fields"]
        if field.get("policyTags") == tag
    }
    assert guarded == {
        *(("event_store.events", name) for name in ("data", "data_text", "extensions")),
        *(("event_store.dead_letters", name) for name in ("attributes", "payload")),
    }
    found = existing()
    fields_of(found, "event_store.events")[8]["policyTags"] = tag
    assert plan(found).unchanged


def test_the_event_store_opens_to_the_one_view_that_shows_no_payload():
    doors = [step.resource.name for step in plan({}).steps if step.resource.kind == "access"]
    assert doors == [
        "analytics.events_distinct may read event_store",
        "analytics.events_distinct_as_of may read event_store",
        "event_store.dead_letter_states may read analytics",
    ]


def test_fields_of_records_follow_the_same_rules_and_names_ignore_case():
    inner = [{"name": "Sku", "type": "STRING", "mode": "NULLABLE"}]
    known = [{"name": "items", "type": "RECORD", "mode": "REPEATED", "fields": inner}]
    new = [{"name": "sku", "type": "STRING"}, {"name": "colour", "type": "STRING"}]
    wish = [{"name": "ITEMS", "type": "STRUCT", "mode": "REPEATED", "fields": new}]
    merged = merge_fields(known, wish)
    assert (merged.details, merged.rejections) == (["add column items.colour STRING"], [])
    assert [field["name"] for field in merged.fields[0]["fields"]] == ["Sku", "colour"]
    wish[0]["fields"] = [{"name": "sku", "type": "INT64"}]
    assert merge_fields(known, wish).rejections == ["column items.Sku changes its type from STRING to INTEGER"]
