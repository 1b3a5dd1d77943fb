"""Tables on terminals that are too narrow for them."""

from __future__ import annotations

import re

import pytest

from asyncevents_core.cli.output import table

DELIVERY = "01a20db9-18ed-7c3f-8404-7a976b50113d"
COLUMNS = ["log id", "started", "uuid", "event", "detail"]
ROWS = [
    [1, "2026-11-24 13:22:44.079", DELIVERY, "sales.order.created", "HTTP [200]"],
    [2, "2026-11-24 13:22:44.079", DELIVERY, "名前.created", None],
]


@pytest.fixture
def printed(monkeypatch, capsys):
    def show(width, rows):
        monkeypatch.setenv("FORCE_COLOR", "1")
        monkeypatch.setenv("COLUMNS", str(width))
        table("Attempts", COLUMNS, rows)
        return re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out).splitlines()

    return show


def test_a_row_takes_several_lines_and_ids_stay_whole(printed):
    assert printed(80, ROWS) == [
        "Attempts",
        "log id  started                  uuid",
        "  event                detail",
        f"1       2026-11-24 13:22:44.079  {DELIVERY}",
        "  sales.order.created  HTTP [200]",
        f"2       2026-11-24 13:22:44.079  {DELIVERY}",
        "  名前.created",
    ]


def test_what_is_longer_than_a_line_has_one_of_its_own(printed):
    found = printed(40, [[1, "now", DELIVERY, "a.b", "x" * 50]])
    assert found[5:] == ["1       now", f"  {DELIVERY}", "  a.b", "  " + "x" * 50]


def test_where_there_is_room_a_row_is_a_line(printed):
    _title, heading, first, second = printed(120, ROWS)
    assert heading.index("detail") == first.index("HTTP [200]")
    assert DELIVERY in second


def test_no_rows_are_said_so(printed):
    assert printed(80, []) == ["Attempts: none"]


@pytest.mark.parametrize("width", [40, 200])
def test_what_others_sent_does_not_steer_the_terminal(monkeypatch, capsys, width):
    monkeypatch.setenv("COLUMNS", str(width))
    table("Attempts", ["uuid", "response"], [[DELIVERY, "\x1b]0;owned\x07\x9b2J\nnext"]])
    shown = "".join(capsys.readouterr().out.split())
    assert r"\x1b]0;owned\x07\x9b2J\nnext" in shown
