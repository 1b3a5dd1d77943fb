"""Charts as values, and as the SVG that is made of them."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

from asyncevents_core.domain.histogram import Buckets, Histogram
from asyncevents_core.domain.outcome import OutcomeKind
from asyncevents_core.domain.statistics import MINUTE, Minute
from asyncevents_core.domain.trace import Fate
from asyncevents_core.web.pages import charts
from asyncevents_core.web.pages.filters import environment

START = 1_767_225_600_000_000
YES, LATER, NO, GONE, LOST = OutcomeKind


def link(since: int, until: int) -> str:
    return f"/logs?a={since}&b={until}"


def minutes() -> charts.Chart:
    fates = [{Fate.DELIVERED: 30, Fate.DEAD_LETTERED: 10}, {}, {Fate.RETRYING: 1}]
    several = [
        Minute(at=START + place * MINUTE, fates=one, exact=bool(place))
        for place, one in enumerate(fates)
    ]
    return charts.of_minutes("Attempts", several, link)


def drawn(macro: str, value: object) -> ElementTree.Element:
    made = environment().get_template("charts.html").module
    return ElementTree.fromstring(str(getattr(made, macro)(value)))


def test_bars_are_as_high_as_they_count():
    first, last = minutes().bars
    assert [part.kind for part in first.parts] == ["delivered", "dead_lettered"]
    assert [part.height for part in first.parts] == [120.0, 40.0]
    assert first.parts[0].y + first.parts[0].height == charts.HEIGHT
    assert first.parts[1].y + first.parts[1].height == first.parts[0].y
    assert last.x > first.x + first.width
    assert [(one.y, one.text) for one in minutes().levels] == [(0, "40"), (80, "20"), (160, "0")]


def test_what_little_there_is_is_seen():
    tiny = charts.Column(since=0, until=1, counts=(100_000, 1), href="")
    chart = charts.Chart(title="", kinds=charts.DELIVERED_OR_NOT, columns=[tiny])
    (bar,) = chart.bars
    assert bar.parts[1].height == 1.0


def test_charts_say_what_they_show():
    chart = minutes()
    assert chart.label == ("Attempts: 30 delivered, 1 retrying, 0 abandoned, 10 dead lettered")
    first, last = chart.bars
    assert first.title == "01-01 00:00 to 01-01 00:01 UTC: at least 30 delivered, 10 dead lettered"
    assert last.title == "01-01 00:02 to 01-01 00:03 UTC: 1 retrying"
    assert [one.total for one in chart.shown] == [1, 40]


def test_an_empty_chart_has_axes():
    chart = charts.of_minutes("Attempts", [], link)
    assert (list(chart.bars), list(chart.times), list(chart.shown)) == ([], [], [])
    assert [one.text for one in chart.levels] == ["1", "0"]
    assert drawn("stacked", chart).find(".//svg") is not None


@pytest.mark.parametrize("linked", [True, False])
def test_drawn_without_style_and_with_words(linked):
    buckets = Buckets(since=START, until=START + 10, width=5)
    histogram = Histogram(bars=buckets.bars({START: 3}, {START + 5: 2}), counted_since=START + 1)
    chart = charts.of_histogram("Log", histogram, link) if linked else minutes()
    figure = drawn("stacked", chart)
    svg = figure.find(".//svg")
    assert svg is not None
    assert svg.attrib["role"] == ("group" if linked else "img")
    assert svg.attrib["aria-label"] == chart.label
    assert len(list(svg.iter("title"))) == 2
    assert len(list(svg.iter("a"))) == (2 if linked else 0)
    assert not [one for one in figure.iter() if "style" in one.attrib]
    rows = figure.findall(".//tbody/tr")
    assert len(rows) == 2
    assert rows[-1].find(".//a").attrib["href"].startswith(f"/logs?a={START}&b=")
    assert ("at least" in "".join(rows[-1].itertext())) is True


def test_health_is_a_bar_of_runs():
    bar = charts.HealthBar(outcomes=[YES, YES, LATER, NO, YES], room=8)
    assert [(one.kind, one.x, one.width) for one in bar.runs] == [
        ("delivered", 3, 2),
        ("retryable", 5, 1),
        ("permanent", 6, 1),
        ("delivered", 7, 1),
    ]
    assert bar.label == "3 of the latest 5 attempts delivered"
    assert len(list(drawn("health", bar).iter("rect"))) == 4
    assert charts.HealthBar(outcomes=[]).label == "no attempts lately"


@pytest.mark.parametrize(
    ("count", "top"), [(0, 1), (1, 1), (3, 4), (9, 10), (10, 10), (11, 20), (41, 50), (601, 800)]
)
def test_axes_end_at_easy_numbers(count, top):
    assert charts.round_up(count) == top
