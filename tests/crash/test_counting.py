"""The suite counts what it says that it counts."""

from __future__ import annotations

import random

import pytest

from tests.crash.counting import Counts, overtaken
from tests.crash.power.images import Disk, Record
from tests.crash.run import KindReport, Report
from tests.crash.table import store, stored, tables
from tests.crash.timeline import Happening, Stop, Timeline

SECOND = 1_000_000


def happening(name, begun, ended, *, spares):
    return Happening(name=name, family="freeze", spares=spares, begun=begun, ended=ended)


@pytest.fixture
def timeline():
    return Timeline(begun=0.0, ended=100.0)


def test_a_fault_that_spares_a_worker_does_not_excuse_a_stop(timeline):
    timeline.happenings = [happening("frozen", 20.0, 40.0, spares=True)]
    longest = timeline.longest([5.0, 10.0, 19.0, 21.0, 50.0, 60.0, 70.0, 80.0, 90.0, 100.0])
    assert longest["frozen"] == Stop(name="frozen", begun=21.0, seconds=29.0)
    assert longest[""].seconds == 9.0


def test_time_without_a_ledger_does_not_count_but_what_follows_does(timeline):
    timeline.happenings = [happening("away", 20.0, 40.0, spares=False)]
    longest = timeline.longest([*range(20), 47.0, *range(48, 101)])
    assert longest["away"] == Stop(name="away", begun=40.0, seconds=7.0)
    assert longest[""].seconds == 1.0


def test_a_stop_that_never_ends_lasts_until_the_end(timeline):
    assert timeline.longest([10.0])[""] == Stop(name="", begun=10.0, seconds=90.0)


def test_a_success_is_overtaken_only_where_the_first_could_be_counted_as_dead():
    late = ("a", 2, "delivered", 11 * SECOND)
    assert overtaken([("a", 1, "delivered", SECOND), late]) == 1
    assert overtaken([("a", 1, "delivered", 2 * SECOND), late]) == 0
    assert overtaken([("a", 1, "failed", SECOND), late]) == 0
    assert overtaken([("b", 1, "delivered", SECOND), late]) == 0


def test_reports_are_kept_and_added_up(tmp_path):
    kind = KindReport(
        name="a worker is frozen",
        family="freeze",
        spares=True,
        times=3,
        longest_stop=2.0,
        named={"workers have vanished": 1},
        went_on=3,
        slowest=0.0,
    )
    counts = Counts(
        events=10, lost=0, unrecorded=0, duplicates=1, abandoned=2, overtaken=0, misindexed=0
    )
    for pair in ("SQL × SQLite", "Redis × MariaDB"):
        report = Report(pair=pair, seed=7, seconds=1.0, counts=counts, kinds=[kind], exits=0)
        store(report, tmp_path)
    found = stored(tmp_path)
    assert report in found
    text = tables(found)
    assert "| SQL × SQLite | 10 | 0 | 3 | 0 | 0 | 1 | 2, 0 | 2.0 s | 7 |" in text
    assert "| a worker is frozen | 6 | 2.0 s | “workers have vanished” (2) |" in text
    assert "2 pairs of broker and ledger, 6 kills and freezes" in text


def images_of(*records, base=None):
    disk = Disk(base or {})
    for record in records:
        disk.note(record)
    nothing, everything = disk.images(random.Random(0), 0)
    return nothing, everything


def write(offset, data):
    return Record(b"W", "f", offset, data)


BEGINS, ENDS = Record(b"B", "f", 1, b""), Record(b"E", "f", 1, b"")


def test_what_was_synced_is_on_the_disk_and_the_rest_may_be():
    nothing, everything = images_of(write(0, b"abc"), BEGINS, ENDS, write(1, b"x"))
    assert nothing == {"f": b"abc"}
    assert everything == {"f": b"axc"}


def test_a_sync_that_has_not_ended_promises_nothing():
    nothing, everything = images_of(write(0, b"abc"), BEGINS, base={"f": b"before"})
    assert nothing == {"f": b"before"}
    assert everything == {"f": b"abcore"}


def test_what_is_written_during_a_sync_is_not_part_of_it():
    nothing, _ = images_of(write(0, b"a"), BEGINS, write(1, b"b"), ENDS)
    assert nothing == {"f": b"a"}


def test_files_that_are_made_cut_and_deleted():
    nothing, everything = images_of(Record(b"T", "f", 2, b""), base={"f": b"abc"})
    assert (nothing, everything) == ({"f": b"abc"}, {"f": b"ab"})
    nothing, everything = images_of(Record(b"U", "f", 0, b""), base={"f": b"abc"})
    assert (nothing, everything) == ({"f": b"abc"}, {})
    nothing, everything = images_of(Record(b"C", "f", 0, b""), write(0, b"a"))
    assert (nothing, everything) == ({}, {"f": b"a"})


def test_a_write_may_end_in_the_middle():
    disk = Disk({"f": b"0" * 2048})
    disk.note(Record(b"W", "f", 0, b"1" * 2048))
    dice = random.Random(0)
    found = {image["f"] for _ in range(50) for image in disk.images(dice, 2)}
    assert {one.count(b"1") for one in found} == {0, 512, 1024, 1536, 2048}
