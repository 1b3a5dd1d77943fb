"""Tables on terminals that are too narrow for them."""

from __future__ import annotations

import re

import pytest
from rich.cells import cell_len

from asyncevents_core.cli.output import age, table

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


def test_where_there_is_little_room_columns_are_left_out_then_cut(monkeypatch, capsys):
    monkeypatch.setenv("FORCE_COLOR", "1")

    def shown(width):
        monkeypatch.setenv("COLUMNS", str(width))
        table("Attempts", COLUMNS, ROWS, spare=["started", "detail"], cut=["event"])
        return re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out).splitlines()

    assert shown(120)[1].split() == ["log", "id", "started", "uuid", "event", "detail"]
    assert shown(95)[1].split() == ["log", "id", "started", "uuid", "event"]
    assert shown(70)[1].split() == ["log", "id", "uuid", "event"]
    narrow = shown(56)
    assert [line.split()[-1] for line in narrow[2:]] == ["sales.ord…", "名前.crea…"]
    assert max(map(cell_len, narrow)) <= 56
    assert len(shown(53)) == 1 + 2 * 3


@pytest.mark.parametrize(
    ("passed", "said"),
    [
        (0, "0 s ago"),
        (59.6, "60 s ago"),
        (119, "119 s ago"),
        (120, "2 min ago"),
        (3399, "57 min ago"),
        (7200, "2 h ago"),
        (47.4 * 3600, "47 h ago"),
        (48 * 3600, "2 d ago"),
        (1000 * 86400, "1,000 d ago"),
        (-5, "in 5 s"),
        (-300, "in 5 min"),
    ],
)
def test_ages_are_for_people(passed, said):
    assert age(0, now=round(passed * 1e6)) == said
    assert age(None) == ""
