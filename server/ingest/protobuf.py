"""Protobuf messages of shippers; only the first request that has one loads this module.

The classes of OTLP are those of its package, but for one that leaves attributes as they were sent.
Loki's messages (logproto.proto) and the status of gRPC (google/rpc/status.proto), which no small
package has, are described here.
"""

from typing import Any, Final, Union

from google.protobuf import timestamp_pb2
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.proto.resource.v1 import resource_pb2

__all__ = [
    "DecodeError",
    "ExportLogsServiceRequest",
    "ExportLogsServiceResponse",
    "KeyValue",
    "LogsData",
    "PushRequest",
    "Status",
]

_REPEATED: Final = FieldDescriptorProto.LABEL_REPEATED
_OPTIONAL: Final = FieldDescriptorProto.LABEL_OPTIONAL
_TEXT: Final = FieldDescriptorProto.TYPE_STRING
_NUMBER: Final = FieldDescriptorProto.TYPE_INT32
_TIME: Final = ".google.protobuf.Timestamp"
_Kind = Union["FieldDescriptorProto.Type.ValueType", str]
# Name, number and kind of each field; `*` is one that is repeated.
_MESSAGES: Final[dict[str, tuple[tuple[str, int, _Kind], ...]]] = {
    "PushRequest": (("*streams", 1, ".waterline.Stream"),),
    "Stream": (("labels", 1, _TEXT), ("*entries", 2, ".waterline.Entry")),
    "Entry": (
        ("timestamp", 1, _TIME),
        ("line", 2, _TEXT),
        ("*structuredMetadata", 3, ".waterline.LabelPair"),
    ),
    "LabelPair": (("name", 1, _TEXT), ("value", 2, _TEXT)),
    "Status": (("code", 1, _NUMBER), ("message", 2, _TEXT)),
}


def _described() -> DescriptorPool:
    file = FileDescriptorProto(
        name="waterline.proto",
        package="waterline",
        syntax="proto3",
        dependency=[timestamp_pb2.DESCRIPTOR.name],
    )
    for message, its in _MESSAGES.items():
        described = file.message_type.add(name=message)
        for name, number, kind in its:
            field = described.field.add(name=name.removeprefix("*"), number=number)
            field.label = _REPEATED if name.startswith("*") else _OPTIONAL
            if isinstance(kind, str):
                field.type, field.type_name = FieldDescriptorProto.TYPE_MESSAGE, kind
            else:
                field.type = kind
    pool = DescriptorPool()
    pool.AddSerializedFile(timestamp_pb2.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    return pool


def _with_raw_attributes() -> DescriptorPool:
    """Describe OTLP's logs, with each attribute of a record as the bytes of a KeyValue."""
    file = FileDescriptorProto.FromString(logs_pb2.DESCRIPTOR.serialized_pb)
    (record,) = (each for each in file.message_type if each.name == "LogRecord")
    (field,) = (each for each in record.field if each.name == "attributes")
    field.type = FieldDescriptorProto.TYPE_BYTES
    field.ClearField("type_name")
    pool = DescriptorPool()
    for each in (common_pb2, resource_pb2):
        pool.AddSerializedFile(each.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    return pool


def _class_of(pool: DescriptorPool, name: str) -> Any:  # noqa: ANN401 - protobuf's classes have no types
    return GetMessageClass(pool.FindMessageTypeByName(name))


_pool: Final = _described()
PushRequest: Final = _class_of(_pool, "waterline.PushRequest")
Status: Final = _class_of(_pool, "waterline.Status")
KeyValue: Final = common_pb2.KeyValue
LogsData: Final = _class_of(_with_raw_attributes(), "opentelemetry.proto.logs.v1.LogsData")
"""An ExportLogsServiceRequest, by whose field it is the same, with raw attributes of records."""
