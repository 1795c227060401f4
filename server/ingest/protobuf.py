"""Protobuf messages of shippers; only the first request that has one loads this module.

The classes of OTLP are those of its package. Loki's messages (logproto.proto) and the status of
gRPC (google/rpc/status.proto), which no small package has, are described here. Two are there again
to be read faster: names with their values stay bytes (see `raw_pairs`).
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
    "LabelPair",
    "PushRequest",
    "RawLogsData",
    "RawPushRequest",
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


def _described() -> FileDescriptorProto:
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
    return file


def _raw(described: FileDescriptorProto, message: str, name: str) -> FileDescriptorProto:
    """Return a description in which a field has bytes in place of messages.

    Args:
        described: the description of a file; it stays as it is.
        message: the name of a message in it.
        name: the name of the field.
    """
    file = FileDescriptorProto.FromString(described.SerializeToString())
    (changed,) = (each for each in file.message_type if each.name == message)
    (field,) = (each for each in changed.field if each.name == name)
    field.type = FieldDescriptorProto.TYPE_BYTES
    field.ClearField("type_name")
    return file


def _pool(file: FileDescriptorProto, *needed: Any) -> DescriptorPool:  # noqa: ANN401
    """Return a pool with a file, and the modules that it needs; protobuf has no types for these."""
    pool = DescriptorPool()
    for each in needed:
        pool.AddSerializedFile(each.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    return pool


def _class_of(pool: DescriptorPool, name: str) -> Any:  # noqa: ANN401 - protobuf's classes have no types
    return GetMessageClass(pool.FindMessageTypeByName(name))


_ours: Final = _described()
_pool_of_ours: Final = _pool(_ours, timestamp_pb2)
PushRequest: Final = _class_of(_pool_of_ours, "waterline.PushRequest")
LabelPair: Final = _class_of(_pool_of_ours, "waterline.LabelPair")
Status: Final = _class_of(_pool_of_ours, "waterline.Status")
RawPushRequest: Final = _class_of(
    _pool(_raw(_ours, "Entry", "structuredMetadata"), timestamp_pb2), "waterline.PushRequest"
)
"""A PushRequest with the bytes of each LabelPair."""
KeyValue: Final = common_pb2.KeyValue
RawLogsData: Final = _class_of(
    _pool(
        _raw(
            FileDescriptorProto.FromString(logs_pb2.DESCRIPTOR.serialized_pb),
            "LogRecord",
            "attributes",
        ),
        common_pb2,
        resource_pb2,
    ),
    "opentelemetry.proto.logs.v1.LogsData",
)
"""An ExportLogsServiceRequest, which has the same field, with the bytes of each KeyValue."""
