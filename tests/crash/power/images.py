"""Images of what is on the disk when power is lost, made of a record of writes and syncs.

What was written to a file before a sync of it began, and that sync has ended, is there. Of what was
written since, anything may be there: nothing, all, or some of it, in any order, and of a single
write the first sectors only. The same holds for a file's being made and being deleted: a sync of
the file makes it last, as on the file systems that Linux is used with.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

from attrs import define, evolve, field, frozen

_HEADER: Final = struct.Struct("<cHQI")
_SECTOR: Final = 512
ACKNOWLEDGED: Final = b"A"
"""Type of the records that a publisher appends itself: the data are ids that were accepted."""

Fate = Literal["nothing", "everything", "something"]
"""What becomes of writes that were not synced."""


@frozen
class Record:
    """One line of the log; see recorder.c."""

    type: bytes
    path: str
    offset: int
    data: bytes


def written(kind: bytes, data: bytes) -> bytes:
    """Return a record without a file, for a publisher to append."""
    return _HEADER.pack(kind, 0, 0, len(data)) + data


def read(log: Path) -> list[Record]:
    """Return all records, in order."""
    found, text, at = [], log.read_bytes(), 0
    while at < len(text):
        kind, path_length, offset, size = _HEADER.unpack_from(text, at)
        at += _HEADER.size
        path = text[at : at + path_length].decode()
        at += path_length
        found.append(Record(kind, path, offset, text[at : at + size]))
        at += size
    return found


@define(slots=False)
class _File:
    """What is known of one file at a moment: what lasts, and what was done to it since."""

    lasting: bytearray | None
    """None: there is no such file."""
    since: list[Record] = field(factory=list)
    syncing: dict[int, int] = field(factory=dict)
    """How many of `since` were there when a process began to sync."""

    def note(self, record: Record) -> None:
        if record.type == b"B":
            self.syncing[record.offset] = len(self.since)
        elif record.type == b"E":
            count = self.syncing.pop(record.offset)
            for one in self.since[:count]:
                self.lasting = _applied(self.lasting, one)
            del self.since[:count]
            self.syncing = {who: max(0, at - count) for who, at in self.syncing.items()}
        else:
            self.since.append(record)

    def survives(self, fate: Fate, dice: random.Random) -> bytearray | None:
        """Return what is there when power is lost now."""
        found = None if self.lasting is None else bytearray(self.lasting)
        for one in self.since:
            if fate == "everything":
                found = _applied(found, one)
            elif fate == "something" and dice.random() < 0.5:
                found = _applied(found, _torn(one, dice))
        return found


class Disk:
    """The files of a folder, as records tell what happens to them."""

    def __init__(self, base: Mapping[str, bytes]) -> None:
        self._files = {path: _File(bytearray(data)) for path, data in base.items()}

    def note(self, record: Record) -> None:
        """Do what a record tells."""
        if record.path:
            self._files.setdefault(record.path, _File(None)).note(record)

    def images(self, dice: random.Random, some: int) -> Iterator[dict[str, bytes]]:
        """Return what may be there if power is lost now: with nothing, all, `some` times some."""
        fates: Sequence[Fate] = ("nothing", "everything", *["something"] * some)
        for fate in fates:
            found = {path: one.survives(fate, dice) for path, one in self._files.items()}
            yield {path: bytes(data) for path, data in found.items() if data is not None}


def _applied(data: bytearray | None, record: Record) -> bytearray | None:
    if record.type == b"U":
        return None
    if record.type == b"C":
        return bytearray()
    data = bytearray() if data is None else data
    if record.type == b"T":
        del data[record.offset :]
        data.extend(bytes(record.offset - len(data)))
        return data
    end = record.offset + len(record.data)
    data.extend(bytes(max(0, end - len(data))))
    data[record.offset : end] = record.data
    return data


def _torn(record: Record, dice: random.Random) -> Record:
    """Return the beginning of a write, up to a sector's end, one time in two."""
    if record.type != b"W" or dice.random() < 0.5:
        return record
    sectors = dice.randrange(len(record.data) // _SECTOR + 1)
    return evolve(record, data=record.data[: sectors * _SECTOR])
