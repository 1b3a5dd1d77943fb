"""One connection to the server of `azure_bus`, from the server's side."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from attrs import define, field

from azure_amqp import (
    ACCEPTED,
    AMQP_HEADER,
    APPLICATION,
    ATTACH,
    BATCH_FORMAT,
    BEGIN,
    CLOSE,
    DETACH,
    DISPOSITION,
    END,
    FLOW,
    NULL,
    OPEN,
    PROPERTIES,
    REJECTED,
    SASL_HEADER,
    SASL_INIT,
    SASL_MECHANISMS,
    SASL_OUTCOME,
    SOURCE,
    TARGET,
    TRANSFER,
    VALUE,
    binary,
    decode,
    described,
    error,
    frame,
    int32,
    pairs,
    read_message,
    several,
    text,
    true,
    ubyte,
    uint,
    ulong,
    ushort,
)  # fmt: skip

if TYPE_CHECKING:
    from azure_bus import Entity, ServiceBus

KIB = 1024
CBS = "$cbs"


@define
class Link:
    """A link of a connection, from its client's side a sender or (of $cbs) a receiver."""

    handle: int
    address: str
    entity: Entity | None = None
    received: int = 0
    payload: bytearray = field(factory=bytearray)


class Connection:
    """One connection."""

    def __init__(
        self, bus: ServiceBus, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.bus, self.reader, self.writer = bus, reader, writer
        self.links: dict[int, Link] = {}
        self.authorized: set[str] = set()
        self.answers: int | None = None
        self.sent = 0
        self.channel = 0

    async def run(self) -> None:
        if self.bus.hangs == "header":
            await self._silence()
        assert await self.reader.readexactly(8) == SASL_HEADER
        mechanisms = b"\xf0" + self._array(self.bus.mechanisms)
        self.writer.write(SASL_HEADER)
        self._sasl(SASL_MECHANISMS, several(mechanisms))
        code, fields, _ = await self._read()
        assert code == SASL_INIT
        assert fields[0] in self.bus.mechanisms
        self._sasl(SASL_OUTCOME, several(ubyte(0)))
        assert await self.reader.readexactly(8) == AMQP_HEADER
        self.writer.write(AMQP_HEADER)
        handlers = {
            OPEN: self._open, BEGIN: self._begin, ATTACH: self._attach, FLOW: self._flow,
            TRANSFER: self._transfer, DETACH: self._detach, END: self._end,
            DISPOSITION: self._disposition,
        }  # fmt: skip
        while True:
            code, fields, payload = await self._read()
            if code == CLOSE:
                self._send(CLOSE, several())
                await self.writer.drain()
                return
            if code is not None:
                await handlers[code](fields, payload)
                await self.writer.drain()

    def _array(self, names: tuple[str, ...]) -> bytes:
        items = b"".join(len(one).to_bytes(4, "big") + one.encode() for one in names)
        size = 4 + 1 + len(items)
        return size.to_bytes(4, "big") + len(names).to_bytes(4, "big") + b"\xb3" + items

    async def _silence(self) -> None:
        while await self.reader.read(4096):
            pass
        raise ConnectionResetError

    async def _read(self) -> tuple[int | None, Any, bytes]:
        size = int.from_bytes(await self.reader.readexactly(4), "big")
        rest = await self.reader.readexactly(size - 4)
        self.channel = int.from_bytes(rest[2:4], "big")
        start = rest[0] * 4 - 4
        if start >= len(rest):
            return None, None, b""
        performative, at = decode(rest, start)
        return performative.code, performative.value, rest[at:]

    def _sasl(self, code: int, value: bytes) -> None:
        self.writer.write(frame(described(code, value), kind=1))

    def _send(self, code: int, value: bytes, payload: bytes = b"") -> None:
        channel = 0 if code in {OPEN, CLOSE} else self.channel
        self.writer.write(frame(described(code, value), channel, payload))

    async def _open(self, fields: Any, _: bytes) -> None:
        self._send(OPEN, several(text("fake"), NULL, uint(64 * KIB), ushort(100)))

    async def _begin(self, fields: Any, _: bytes) -> None:
        self._send(BEGIN, several(ushort(self.channel), uint(0), uint(5000), uint(5000), uint(255)))

    async def _end(self, fields: Any, _: bytes) -> None:
        self._send(END, several())

    async def _flow(self, fields: Any, _: bytes) -> None:
        pass

    async def _disposition(self, fields: Any, _: bytes) -> None:
        pass

    async def _detach(self, fields: Any, _: bytes) -> None:
        # Not in there: it answers a link that was refused.
        if self.links.pop(fields[0], None) is not None:
            self._send(DETACH, several(uint(fields[0]), true(True)))

    async def _attach(self, fields: Any, _: bytes) -> None:
        name, handle, receives, source, target = *fields[:3], fields[5], fields[6]
        address = (source if receives else target).value[0]
        path = urlsplit(address).path.strip("/") if "://" in address else address
        if self.bus.hangs == "attach" and path != CBS:
            await self._silence()
        entity = self.bus.entities.get(path)
        refusal = self._refusal(path, entity)
        link = Link(handle, path, entity)
        self._send(
            ATTACH,
            several(
                text(name),
                uint(handle),
                true(not receives),
                NULL,
                NULL,
                NULL if refusal else described(SOURCE, several(text(address))),
                NULL if refusal else described(TARGET, several(text(address))),
                NULL,
                NULL,
                uint(0) if receives else NULL,
                ulong(entity.largest if entity else 64 * KIB),
            ),
        )
        if refusal:
            why = error(*refusal)
            self._send(DETACH, several(uint(handle), true(True), why))
            return
        self.links[handle] = link
        if receives:
            self.answers = handle
        else:
            self._credit(link)

    def _refusal(self, path: str, entity: Entity | None) -> tuple[str, str] | None:
        if path == CBS:
            return None
        if path not in self.authorized:
            return "amqp:unauthorized-access", "Unauthorized access. 'Send' claim(s) are required."
        if entity is None:
            return "amqp:not-found", f"The messaging entity '{path}' could not be found."
        if entity.attaches:
            return entity.attaches, "as told"
        return None

    def _credit(self, link: Link) -> None:
        self._send(
            FLOW,
            several(
                uint(0), uint(5000), uint(0), uint(5000),
                uint(link.handle), uint(link.received), uint(1000),
            ),
        )  # fmt: skip

    async def _transfer(self, fields: Any, payload: bytes) -> None:
        link = self.links[fields[0]]
        if link.entity is not None and link.entity.deaf:
            await asyncio.Event().wait()
        link.payload += payload
        if len(fields) > 5 and fields[5]:
            return
        whole, link.payload = bytes(link.payload), bytearray()
        link.received += 1
        if link.address == CBS:
            await self._token(whole)
            self._settle(fields[1])
        else:
            assert link.entity is not None
            if self.bus.hangs == "transfer" or link.entity.hangs:
                await self._silence()
            if link.entity.resets:
                raise ConnectionResetError
            self._settle(fields[1], self._taken(link.entity, whole, fields[3] == BATCH_FORMAT))
        self._credit(link)

    def _taken(self, entity: Entity, payload: bytes, batch: bool) -> tuple[str, str] | None:
        """Store what arrived; return why not."""
        if entity.refuses:
            return entity.refuses, "as told"
        if len(payload) > entity.largest:
            return (
                "amqp:link:message-size-exceeded",
                f"The received message (delivery-id:0, size:{len(payload)} bytes) exceeds the "
                f"limit ({entity.largest} bytes) currently allowed on the link.",
            )
        message = read_message(payload)
        messages = [read_message(one) for one in message.data] if batch else [message]
        if entity.sessions and any(one.session_id is None for one in messages):
            return "amqp:not-allowed", "The SessionId was not set on a message."
        if len({one.session_id for one in messages}) > 1:
            return "amqp:not-allowed", "All messages of a batch have the same SessionId."
        if entity.poison is not None and any(entity.poison in one.body for one in messages):
            return "com.microsoft:argument-error", "as told"
        entity.take(messages)
        return None

    def _settle(self, delivery: int, refusal: tuple[str, str] | None = None) -> None:
        state = described(ACCEPTED, several())
        if refusal:
            state = described(REJECTED, several(error(*refusal)))
        self._send(DISPOSITION, several(true(True), uint(delivery), NULL, true(True), state))

    async def _token(self, payload: bytes) -> None:
        if self.bus.hangs == "token":
            await self._silence()
        request = read_message(payload)
        audience = request.application["name"]
        status, words = self.bus.status(request.value, audience)
        if status == 202:
            self.authorized.add(urlsplit(audience).path.strip("/"))
        assert self.answers is not None
        answer = (
            described(PROPERTIES, several(*([NULL] * 5), _correlation(request.message_id)))
            + described(
                APPLICATION,
                pairs(
                    {text("status-code"): int32(status), text("status-description"): text(words)}
                ),
            )
            + described(VALUE, NULL)
        )
        number, self.sent = self.sent, self.sent + 1
        tag = binary(number.to_bytes(4, "big"))
        self._send(
            TRANSFER, several(uint(self.answers), uint(number), tag, uint(0), true(True)), answer
        )


def _correlation(value: Any) -> bytes:
    return b"\x98" + value.bytes if hasattr(value, "bytes") else text(str(value))
