"""AMQP 1.0, as much of it as a server needs to which senders connect.

https://docs.oasis-open.org/amqp/core/v1.0/os/amqp-core-complete-v1.0-os.pdf: the values (part 1),
the frames (part 2) and the sections of a message (part 3). Written from the specification.
"""

from __future__ import annotations

import struct
import uuid
from typing import Any

from attrs import field, frozen

SASL_HEADER = b"AMQP\x03\x01\x00\x00"
AMQP_HEADER = b"AMQP\x00\x01\x00\x00"
OPEN, BEGIN, ATTACH, FLOW, TRANSFER, DISPOSITION, DETACH, END, CLOSE = range(0x10, 0x19)
SASL_MECHANISMS, SASL_INIT, SASL_OUTCOME = 0x40, 0x41, 0x44
ERROR, ACCEPTED, REJECTED = 0x1D, 0x24, 0x25
SOURCE, TARGET = 0x28, 0x29
ANNOTATIONS, PROPERTIES, APPLICATION, DATA, VALUE = 0x72, 0x73, 0x74, 0x75, 0x77
BATCH_FORMAT = 0x80013700
"""Service Bus: each data section of such a message is a message of its own."""

NULL = b"\x40"


@frozen
class Described:
    """A value with a descriptor."""

    code: int
    value: Any


def true(value: bool) -> bytes:
    return b"\x41" if value else b"\x42"


def ubyte(value: int) -> bytes:
    return b"\x50" + struct.pack(">B", value)


def ushort(value: int) -> bytes:
    return b"\x60" + struct.pack(">H", value)


def uint(value: int) -> bytes:
    return b"\x70" + struct.pack(">I", value)


def ulong(value: int) -> bytes:
    return b"\x80" + struct.pack(">Q", value)


def int32(value: int) -> bytes:
    return b"\x71" + struct.pack(">i", value)


def text(value: str) -> bytes:
    data = value.encode()
    return b"\xb1" + struct.pack(">I", len(data)) + data


def symbol(value: str) -> bytes:
    return b"\xb3" + struct.pack(">I", len(value)) + value.encode("ascii")


def binary(value: bytes) -> bytes:
    return b"\xb0" + struct.pack(">I", len(value)) + value


def several(*items: bytes) -> bytes:
    data = b"".join(items)
    return b"\xd0" + struct.pack(">II", len(data) + 4, len(items)) + data


def pairs(items: dict[bytes, bytes]) -> bytes:
    data = b"".join(key + value for key, value in items.items())
    return b"\xd1" + struct.pack(">II", len(data) + 4, 2 * len(items)) + data


def described(code: int, value: bytes) -> bytes:
    return b"\x00\x53" + bytes([code]) + value


def error(condition: str, description: str) -> bytes:
    return described(ERROR, several(symbol(condition), text(description), NULL))


def frame(performative: bytes, channel: int = 0, payload: bytes = b"", kind: int = 0) -> bytes:
    size = 8 + len(performative) + len(payload)
    return struct.pack(">IBBH", size, 2, kind, channel) + performative + payload


_FIXED = {0x40: None, 0x41: True, 0x42: False, 0x43: 0, 0x44: 0, 0x45: []}
_NUMBERS = {
    0x50: ">B", 0x51: ">b", 0x52: ">B", 0x53: ">B", 0x54: ">b", 0x55: ">b", 0x56: ">?",
    0x60: ">H", 0x61: ">h", 0x70: ">I", 0x71: ">i", 0x72: ">f",
    0x80: ">Q", 0x81: ">q", 0x82: ">d", 0x83: ">q",
}  # fmt: skip


def decode(data: bytes, at: int = 0) -> tuple[Any, int]:
    """Return a value, and where the next one begins. Raises ValueError at what it does not know."""
    code = data[at]
    if code == 0x00:
        descriptor, at = decode(data, at + 1)
        value, at = decode(data, at)
        return Described(descriptor, value), at
    return _value(code, data, at + 1)


def _value(code: int, data: bytes, at: int) -> tuple[Any, int]:
    if code in _FIXED:
        return _FIXED[code], at
    if code in _NUMBERS:
        form = _NUMBERS[code]
        end = at + struct.calcsize(form)
        return struct.unpack(form, data[at:end])[0], end
    if code == 0x98:
        return uuid.UUID(bytes=bytes(data[at : at + 16])), at + 16
    wide = code & 0x10
    size, at = (struct.unpack_from(">I", data, at)[0], at + 4) if wide else (data[at], at + 1)
    end = at + size
    if code in {0xA0, 0xB0}:
        return bytes(data[at:end]), end
    if code in {0xA1, 0xB1, 0xA3, 0xB3}:
        return bytes(data[at:end]).decode(), end
    count, at = (struct.unpack_from(">I", data, at)[0], at + 4) if wide else (data[at], at + 1)
    if code in {0xC0, 0xD0, 0xC1, 0xD1}:
        items = []
        for _ in range(count):
            item, at = decode(data, at)
            items.append(item)
        if code in {0xC1, 0xD1}:
            return dict(zip(items[::2], items[1::2], strict=True)), end
        return items, end
    if code in {0xE0, 0xF0}:
        constructor, at = data[at], at + 1
        items = []
        for _ in range(count):
            item, at = _value(constructor, data, at)
            items.append(item)
        return items, end
    raise ValueError(f"an AMQP value of the type {code:#x}")


@frozen(kw_only=True)
class Message:
    """A message as it arrived: `body` is its data section, `value` its value section."""

    properties: list[Any] = field(factory=list)
    application: dict[str, Any] = field(factory=dict)
    annotations: dict[str, Any] = field(factory=dict)
    data: list[bytes] = field(factory=list)
    value: Any = None

    @property
    def body(self) -> bytes:
        (body,) = self.data
        return body

    def at(self, number: int) -> Any:
        return self.properties[number] if number < len(self.properties) else None

    @property
    def message_id(self) -> Any:
        return self.at(0)

    @property
    def subject(self) -> Any:
        return self.at(3)

    @property
    def content_type(self) -> Any:
        return self.at(6)

    @property
    def session_id(self) -> Any:
        return self.at(10)

    @property
    def partition_key(self) -> Any:
        return self.annotations.get("x-opt-partition-key")


def read_message(payload: bytes) -> Message:
    sections: dict[int, Any] = {}
    data: list[bytes] = []
    at = 0
    while at < len(payload):
        section, at = decode(payload, at)
        if section.code == DATA:
            data.append(section.value)
        else:
            sections[section.code] = section.value
    return Message(
        properties=sections.get(PROPERTIES, []),
        application=sections.get(APPLICATION, {}),
        annotations=sections.get(ANNOTATIONS, {}),
        data=data,
        value=sections.get(VALUE),
    )
