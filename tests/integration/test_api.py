"""The Analytics API as its callers see it: a real server over a real run's read model and warehouse."""

import json
import re
import shutil
from datetime import date

import httpx
import pytest

from pipelines.stores.open_stores import open_stores
from pipelines.stores.target import Target
from schemas.read_model.address import parse_address
from schemas.read_model.select import CUSTOMER_ROWS, ORDER_ROWS, SAGA_ROWS, STOCK_ROWS
from services.api.data.analytics import BigQueryQueries
from services.api.http.problems import MEDIA_TYPE
from tests.support.api_server import AUDIENCE, ISSUER, Issuer, bearer, running_api
from tests.support.command import run_command
from tests.support.postgres import cluster
from tests.support.read_models import records, sqlite_url, stored_view
from tests.support.runs import query


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A finished run: its folder, a PostgreSQL and a SQLite read model."""
    folder = tmp_path_factory.mktemp("api")
    key = folder / "key"
    key.write_text("k" * 32)
    with cluster() as server:
        urls = [server.url(server.new_database()), sqlite_url(folder)]
        assert run_command("simulate", "--output", folder / "in", "--events", "1500", "--seed", "9")[0] == 0
        words = (
            "local",
            "--input",
            folder / "in",
            "--output",
            folder / "out",
            "--read_model",
            urls[0],
            "--pii_key_file",
            key,
        )
        code, _, err = run_command(*words)
        assert code == 0, err
        words = ("replay", "--output", folder / "out", "--mode", "backfill", "--from", "2000-01-01T00:00:00Z",
                 "--to", "2100-01-01T00:00:00Z", "--read_model", urls[1], "--pii_key_file", key)  # fmt: skip
        assert run_command(*words)[0] == 0
        yield folder / "out", [parse_address(url) for url in urls]


@pytest.fixture(scope="module", params=["postgresql", "sqlite"])
def api(finished, output, request):
    """A client of a service without authentication."""
    served, addresses = finished
    address = addresses[request.param == "sqlite"]
    target = Target.local(served)
    with open_stores(target) as endpoints:
        queries = BigQueryQueries(client=endpoints.bigquery, project=target.project)
        with running_api(address, queries) as url, httpx.Client(base_url=f"{url}/api/v1", timeout=30) as client:
            yield client


@pytest.fixture(scope="module")
def output(finished, tmp_path_factory):
    """A copy of the folder: the emulator of this process has the other one open."""
    return shutil.copytree(finished[0], tmp_path_factory.mktemp("copy") / "out")


def everything(api, path: str) -> list[dict]:
    """Follow the links of a list to its end."""
    found, url = [], path
    while url:
        reply = api.get(url)
        assert reply.status_code == 200, reply.text
        found += reply.json()["items"]
        links = {name: link for link, name in re.findall(r'<([^>]*)>; rel="(\w+)"', reply.headers.get("link", ""))}
        url = links.get("next", "").removeprefix("/api/v1")
    return found


@pytest.mark.parametrize(
    ("path", "resource"), [("orders", ORDER_ROWS), ("customers", CUSTOMER_ROWS), ("stock", STOCK_ROWS)]
)
def test_a_list_gives_each_record_once_in_order_and_equals_the_view(api, finished, output, path, resource):
    _, addresses = finished
    found = everything(api, f"/{path}?size=37")
    keys = [[row[name] or "" for name in resource.key] for row in found]
    assert keys == sorted(keys)
    assert found == records(addresses[0], resource)
    names = stored_view(output, resource)[0].keys()
    assert [{name: row[name] for name in names} for row in found] == stored_view(output, resource)


def test_cursors_give_the_same_list_as_numbers(api):
    by_number, found, after = everything(api, "/orders?size=50"), [], None
    while True:
        body = api.get("/orders", params={"size": 50, **({"after": after} if after else {})}).json()
        found += body["items"]
        if (after := body["next"]) is None:
            break
    assert found == by_number


def test_filters_select_exactly_the_records_that_have_the_values(api):
    orders = everything(api, "/orders?size=200")
    for name in ("status", "state", "customer_id", "currency"):
        value = next(row[name] for row in orders if row[name])
        assert everything(api, f"/orders?size=200&{name}={value}") == [row for row in orders if row[name] == value]
    state, status = next((row["state"], row["status"]) for row in orders if row["state"] and row["status"])
    both = [row for row in orders if (row["state"], row["status"]) == (state, status)]
    assert everything(api, f"/orders?state={state}&status={status}&size=200") == both
    customers = everything(api, "/customers?size=200")
    country = next(row["country"] for row in customers if row["country"])
    assert everything(api, f"/customers?country={country}") == [row for row in customers if row["country"] == country]


def test_one_order_its_saga_and_its_events(api, output, finished):
    order = next(row for row in everything(api, "/orders?size=200") if row["state"] == "COMPLETED")
    path = f"/orders/{order['order_id']}"
    assert api.get(path).json() == order
    assert api.get(f"{path}/saga").json() in records(finished[1][0], SAGA_ROWS)
    events = everything(api, f"{path}/events?size=2&data=true")
    assert {event["event_type"] for event in events} >= {"order.created", "payment.processed", "inventory.reserved"}
    assert [event["event_time"] for event in events] == sorted(event["event_time"] for event in events)
    stored = dict(query(output, "select event_id, data_text from event_store.events"))
    assert all(event["data"] == json.loads(stored[event["event_id"]]) for event in events)
    assert all("data" not in event for event in everything(api, f"{path}/events"))


def test_records_as_of_a_time_are_those_of_the_views_functions(api, output):
    [(moment,)] = query(output, "select quantile_disc(event_time, 0.5) from analytics.order_events")
    text = moment.isoformat().replace("+00:00", "Z")
    found = everything(api, f"/orders?size=100&as_of={text}")
    [(count,)] = query(
        output, f"select count(*) from analytics.order_current_as_of(timestamptz '{moment.isoformat()}')"
    )
    assert 0 < len(found) == count < len(everything(api, "/orders?size=200"))
    one = api.get(f"/orders/{found[0]['order_id']}?as_of={text}")
    assert one.json() == found[0]


def test_figures_equal_the_warehouse(api, output):
    revenue = everything(api, "/revenue?size=200")
    wanted = query(output, "select day, currency, payments from analytics.revenue_by_day order by 1, 2")
    assert [(date.fromisoformat(row["day"]), row["currency"], row["payments"]) for row in revenue] == wanted
    assert all(isinstance(row["amount"], str) for row in revenue)
    day = revenue[0]["day"]
    assert all(row["day"] >= day for row in everything(api, f"/revenue?from={day}&currency={revenue[0]['currency']}"))
    [(device, first)] = query(
        output, "select device_id, min(publish_time) from analytics.iot_telemetry group by 1 limit 1"
    )
    ends = {"from": first.isoformat().replace("+00:00", "Z"), "to": "2026-01-31T00:00:00Z"}
    found = api.get(f"/devices/{device}/telemetry", params={**ends, "size": 200}).json()["items"]
    [(count,)] = query(
        output, f"select count(distinct event_id) from analytics.iot_telemetry where device_id = '{device}'"
    )
    assert len(found) == min(count, 200) > 0
    metrics = api.get("/metrics/pipeline", params=ends).json()["items"]
    assert metrics
    assert {"lag_p95_ms", "dead_letters"} <= metrics[0].keys()
    letters = everything(api, "/dead-letters?size=50")
    assert len(letters) == query(output, "select count(*) from event_store.dead_letters")[0][0] > 0
    assert not {"payload", "attributes", "error_message"} & letters[0].keys()
    code = letters[0]["error_code"]
    assert {row["error_code"] for row in everything(api, f"/dead-letters?code={code}")} == {code}


def test_an_entity_tag_saves_the_body(api):
    first = api.get("/orders?size=3")
    again = api.get("/orders?size=3", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert api.get("/orders?size=4", headers={"If-None-Match": first.headers["etag"]}).status_code == 200
    assert api.get("/orders?size=3", headers={"If-None-Match": f'"x", W/{first.headers["etag"]}'}).status_code == 304


@pytest.mark.parametrize(
    ("path", "status", "fault"),
    [
        ("/orders/none", 404, None),
        ("/nothing", 404, None),
        ("/orders?page=0", 422, "page"),
        ("/orders?size=201", 422, "size"),
        ("/orders?page=51&size=20", 422, "page"),
        ("/orders?colour=red", 422, "colour"),
        ("/orders?after=zzz", 422, "after"),
        ("/orders?as_of=yesterday", 422, "as_of"),
        ("/orders/a%20b", 422, "order_id"),
        ("/orders?status=%00", 422, "status"),
        ("/devices/d/telemetry?from=2020-01-01T00:00:00Z", 422, "from"),
        ("/dead-letters?code=NONE", 422, "code"),
    ],
)  # fmt: skip
def test_an_error_is_a_problem_that_names_the_parameter_and_quotes_no_value(api, path, status, fault):
    reply = api.get(path)
    assert (reply.status_code, reply.headers["content-type"]) == (status, MEDIA_TYPE)
    body = reply.json()
    assert body["status"] == status
    assert {"type", "title", "detail"} <= body.keys()
    if fault:
        assert [error["path"] for error in body["errors"]] == [fault]
    assert not {"yesterday", "zzz", "red"} & set(re.findall(r"\w+", reply.text))


def test_other_methods_are_refused_with_what_is_allowed(api):
    reply = api.delete("/orders")
    assert (reply.status_code, reply.headers["allow"]) == (405, "GET")


def test_health_and_readiness(finished, tmp_path):
    _, addresses = finished
    with running_api(addresses[0]) as url:
        assert httpx.get(f"{url}/health").json() == {"status": "ok"}
        assert httpx.get(f"{url}/ready").json()["checks"]["read_model"] == "ok"
    gone = parse_address("postgresql://u:sesame@127.0.0.1:1/d")
    with running_api(gone) as url:
        assert httpx.get(f"{url}/health").status_code == 200
        reply = httpx.get(f"{url}/ready", timeout=30)
        assert (reply.status_code, reply.json()["checks"]["read_model"]) == (503, "does not answer")
        reply = httpx.get(f"{url}/api/v1/orders", timeout=30)
        assert (reply.status_code, "retry-after" in reply.headers) == (503, True)
        assert "sesame" not in reply.text


def test_metrics_count_latency_and_errors_by_route(finished):
    with running_api(finished[1][1]) as url:
        for path in ("/api/v1/orders/none", "/api/v1/orders/none2", "/api/v1/orders", "/nothing"):
            httpx.get(url + path)
        text = httpx.get(f"{url}/metrics").text
        forwarded = httpx.get(f"{url}/metrics", headers={"X-Forwarded-For": "1.2.3.4"})
    count = 'http_server_request_duration_seconds_count{{http_request_method="GET",http_response_status_code="{}",http_route="{}"}} {}'
    assert count.format(404, "/api/v1/orders/{order_id}", "2.0") in text
    assert count.format(200, "/api/v1/orders", "1.0") in text
    assert count.format(404, "(none)", "1.0") in text
    assert 'le="0.2"' in text
    assert 'le="0.5"' in text
    assert "none2" not in text
    assert forwarded.status_code == 200  # without authentication everyone has every scope


def test_a_rate_that_is_too_high_is_429_per_caller(finished):
    issuer = Issuer()
    with issuer.served() as jwks, running_api(
        finished[1][1], jwks=jwks, issuer=ISSUER, audience=AUDIENCE, requests_per_second=0.01, burst=3
    ) as url:  # fmt: skip
        one, two = bearer(issuer.token(sub="one")), bearer(issuer.token(sub="two"))
        replies = [httpx.get(f"{url}/api/v1/stock", headers=one) for _ in range(5)]
        assert [reply.status_code for reply in replies] == [200, 200, 200, 429, 429]
        assert int(replies[-1].headers["retry-after"]) >= 1
        assert httpx.get(f"{url}/api/v1/stock", headers=two).status_code == 200
