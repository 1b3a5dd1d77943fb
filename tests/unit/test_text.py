"""Text that any database stores."""

from __future__ import annotations

from asyncevents_core.domain.limits import storable


def test_text_that_can_be_stored_is_left_alone():
    assert storable("größer 🙂\n", 100) == "größer 🙂\n"


def test_what_databases_refuse_is_replaced():
    assert storable("a\x00b\ud800c\udfffd", 100) == "a\ufffdb\ufffdc\ufffdd"


def test_what_is_too_long_is_cut_with_an_ellipsis():
    assert storable("x" * 10, 10) == "x" * 10
    assert storable("x" * 11, 10) == "x" * 9 + "…"
