"""Convert rows in protocol buffers to record batches; the descriptor is known only at run time."""

from __future__ import annotations

import decimal
import uuid
from typing import Any

import pyarrow as pa
from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory

from pipelines.bigquery_emulator.errors import WriteError
from pipelines.bigquery_emulator.status_codes import EXTRA_FIELDS, INVALID_ARGUMENT
from pipelines.bigquery_emulator.store.types import Field, arrow_type, kind


class ProtoReader:
    """Convert serialized messages of one writer schema to batches of one table."""

    def __init__(self, descriptor: descriptor_pb2.DescriptorProto) -> None:
        package = f"x{uuid.uuid4().hex}"
        file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package, syntax="proto2")
        file.message_type.add().CopyFrom(descriptor)
        pool = descriptor_pool.DescriptorPool()
        pool.Add(file)
        self._class = message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{package}.{descriptor.name}"))

    def batch(self, rows: list[bytes], fields: dict[str, Field]) -> pa.RecordBatch:
        """Return the rows as a batch of the table's Arrow types."""
        try:
            values = [_values(self._class.FromString(row), fields) for row in rows]
            names = [item.name for item in self._class.DESCRIPTOR.fields]
            schema = pa.schema([(name, arrow_type(fields[name.lower()])) for name in names])
            return pa.RecordBatch.from_pylist(values, schema=schema)
        except KeyError as error:
            raise WriteError(
                INVALID_ARGUMENT,
                f"The input schema has more fields than the table schema, extra field: {error}",
                storage_code=EXTRA_FIELDS,
            ) from None
        except (pa.ArrowException, message.DecodeError, ValueError, ArithmeticError) as error:
            raise WriteError(INVALID_ARGUMENT, f"Proto rows do not fit the table: {error}") from None


def _values(row: message.Message, fields: dict[str, Field]) -> dict[str, Any]:
    """Return the set fields of a message by name."""
    return {item.name: _value(value, fields[item.name.lower()]) for item, value in row.ListFields()}


def _value(value: Any, field: Field) -> Any:
    if field.get("mode") == "REPEATED":
        return [_value(item, {**field, "mode": "NULLABLE"}) for item in value]
    match kind(field):
        case "RECORD":
            return _values(value, {child["name"].lower(): child for child in field["fields"]})
        case "NUMERIC" | "BIGNUMERIC":
            return decimal.Decimal(value) if isinstance(value, str) else value
    return value
