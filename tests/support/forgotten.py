"""A local run with a person's data in every place, and what `forget` leaves of it."""

import base64
import gzip
import json
import uuid

from pipelines.cli.main import main
from tests.support.stored_bytes import stored_bytes
from transforms.sinks.files.manifests import newest, newest_files

WHO, OTHER = "CUST-1", "CUST-11"
SECRET = "ada.lovelace@example.org"


def envelope(number, event_type, data, **more):
    source = event_type.split(".")[0] + "-service"
    return {
        "eventId": str(uuid.UUID(int=number)),
        "eventType": event_type,
        "eventTime": f"2026-06-15T12:00:{number % 60:02d}Z",
        "source": source,
        "data": data,
        "metadata": {"correlationId": str(uuid.UUID(int=1))},
        **more,
    }


def message(number, topic, data, **attributes):
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    return {
        "topic": topic,
        "messageId": str(number),
        "publishTime": f"2026-06-15T1{2 + number % 2}:01:00Z",
        "attributes": attributes,
        "data": base64.b64encode(raw).decode(),
    }


def person(number, who, secret):
    return envelope(number, "customer.updated", {"customerId": who, "email": secret, "country": "SE"})


ORDER = envelope(30, "order.created", {"orderId": "O-1", "customerId": WHO, "items": [], "shipTo": "x"})


MESSAGES = [
    message(1, "customers", person(1, WHO, SECRET)),
    message(2, "customers", person(2, WHO, SECRET)),
    message(1, "customers", person(1, WHO, SECRET)),  # delivered twice
    message(3, "customers", person(3, OTHER, "other@example.org")),
    message(4, "orders", ORDER),
    message(5, "orders", person(5, WHO, SECRET)),  # on the wrong topic: a dead letter
    message(6, "customers", gzip.compress(json.dumps(person(6, WHO, SECRET)).encode())),  # compressed: rejected
    message(7, "customers", person(7, OTHER, "x@example.org") | {"source": "nobody"}),  # another's dead letter
    message(8, "inventory", b"not json", customer=WHO),  # named in an attribute only
    message(9, "customers", person(9, WHO, SECRET)["data"]),  # no envelope
]


def key(folder):
    path = folder / "key"
    path.write_text("0123456789abcdef" * 2)
    return path


def lake_bytes(output):
    return b"".join(stored_bytes(path) for path in sorted((output / "lake").rglob("*")) if path.is_file())


def forget(output, *more):
    return main(["forget", "--output", str(output), "--customer", WHO, *more])


def archived(output):
    import fastavro

    found, named = [], 0
    root = output / "lake"
    for folder in sorted({path.parent for path in root.glob("archive/*/dt=*/hour=*/*.json")}):
        feed, partition = folder.relative_to(root).as_posix().split("/dt=")
        manifest = newest(str(root), feed, f"dt={partition}")
        for entry, path in zip(manifest["files"], newest_files(str(root), feed, [f"dt={partition}"]), strict=True):
            with open(path, "rb") as file:
                records = list(fastavro.reader(file))
            assert len(records) == entry["rows"]
            named += 1
            found += [record["message_id"] for record in records]
    assert len(list(root.glob("archive/*/dt=*/hour=*/[!_.]*"))) == named, "a plain reader sees what manifests name"
    return sorted(found)


def nothing_is_stored(output, capsys):
    capsys.readouterr()
    assert forget(output) == 0
    return "nothing is stored of this customer" in capsys.readouterr().out


def records(output):
    return [json.loads(path.read_text()) for path in sorted((output / "lake" / "forgotten").glob("[!.]*"))]


def pending(output):
    return list((output / "lake" / "forgotten").glob(".pending-*"))


def finished_run(folder):
    """Run `local` over the messages, and a torn line, in a folder; return its output."""
    source = folder / "in"
    source.mkdir()
    torn = json.dumps(message(10, "customers", person(10, WHO, SECRET)))[:-20]  # no message at all
    (source / "customers.jsonl").write_text("\n".join([*map(json.dumps, MESSAGES), torn]) + "\n")
    out = folder / "out"
    assert main(["local", "--input", str(source), "--output", str(out), "--pii_key_file", str(key(folder))]) == 0
    return out
