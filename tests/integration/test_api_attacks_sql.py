"""SQL in any parameter or header of the API changes and shows nothing."""

import time
from urllib.parse import quote

import httpx
import psycopg
import pytest

from schemas.read_model.address import parse_address
from services.api.app import create_app
from tests.support.api_server import running_api
from tests.support.attacked_api import fill
from tests.support.postgres import cluster
from tests.support.read_models import sqlite_url


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    made = parse_address(sqlite_url(tmp_path_factory.mktemp("attacks")))
    fill(made)
    return made


PAYLOADS = (
    "' OR '1'='1", "1; DROP TABLE orders; --", "') UNION SELECT version() --", "x' AND (SELECT pg_sleep(5)) IS NULL --",
    "%27%20OR%201=1", "\\'; SELECT 1", "{{7*7}}", "${jndi:ldap://x}", "\" OR \"\"=\"", "`orders`", "@@version", "%(limit)s",
    ":limit", "order1'--", "$1", "../../etc/passwd", "\r\nSet-Cookie: x=1", "\uff4f\uff52 1=1", "%", "_", "\ud7ff",
)  # fmt: skip


@pytest.mark.parametrize("kind", ["postgresql", "sqlite"])
def test_sql_in_any_parameter_or_header_changes_and_shows_nothing(kind, address, tmp_path):
    if kind == "sqlite":
        every_parameter(address)
        return
    with cluster() as server:
        made = parse_address(server.url(server.new_database()))
        fill(made)
        every_parameter(made)
        with psycopg.connect(made.conninfo) as connection:
            assert connection.execute("SELECT count(*) FROM read_model.orders").fetchall() == [(2,)]


def every_parameter(address) -> None:
    document = create_app(None).openapi()
    with running_api(address) as url, httpx.Client(base_url=url, timeout=20) as client:
        for path, item in document["paths"].items():
            if "get" not in item or not path.startswith("/api/v1"):
                continue
            for parameter in item["get"].get("parameters", []):
                for payload in PAYLOADS:
                    where = path
                    for name in ("order_id", "customer_id", "device_id"):
                        value = payload if parameter["name"] == name and parameter["in"] == "path" else "order1"
                        where = where.replace(f"{{{name}}}", quote(value, safe=""))
                    query = {parameter["name"]: payload} if parameter["in"] == "query" else {}
                    began = time.monotonic()
                    reply = client.get(where, params=query)
                    assert time.monotonic() - began < 3, (path, parameter["name"], payload)
                    assert reply.status_code in (200, 404, 422, 503), (path, parameter["name"], payload, reply.text)
                    if reply.status_code == 503:
                        assert "no BigQuery" in reply.text
                    if reply.status_code == 200 and parameter["in"] == "query":
                        assert reply.json()["items"] == [], (path, parameter["name"], payload)
                    assert "set-cookie" not in reply.headers
        for payload in ("' OR 1=1 --", "x" * 3000):
            reply = client.get("/api/v1/orders", headers={"If-None-Match": payload, "User-Agent": payload})
            assert reply.status_code == 200


def test_nothing_personal_is_logged(address, caplog, capfd):
    with running_api(address) as url:
        httpx.get(f"{url}/api/v1/customers/c1?as_of=x%27secret-9")
        httpx.post(f"{url}/api/v1/events", content=b'{"eventId": "secret-9"}')
    printed = capfd.readouterr()
    assert "secret-9" not in caplog.text + printed.out + printed.err
    assert "customers/c1" not in caplog.text + printed.out + printed.err
