"""The conformance cases of CloudEvents SQL, as they are published."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
import yaml

from asyncevents_core.domain.filtering.cesql.expression import Evaluation, Expression
from asyncevents_core.domain.filtering.cesql.mistakes import Mistake
from asyncevents_core.domain.filtering.event_view import EventView
from tests.filtering.events import event

CASES: Final = Path(__file__).parents[3] / "shared" / "data" / "cesql_tck"

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.skipif(
        not CASES.exists(), reason="the cases ../shared/data/cesql_tck are not here"
    ),
]


class AsWritten(yaml.SafeLoader):
    """Leaves times as they are written."""


AsWritten.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in some if tag != "tag:yaml.org,2002:timestamp"]
    for first, some in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read():
    for path in sorted(CASES.glob("*.yaml")):
        text = path.read_text()
        # An expression such as TRUE, or -10, is a text here, too.
        texts = yaml.load(text, yaml.BaseLoader)["tests"]
        for case, raw in zip(yaml.load(text, AsWritten)["tests"], texts, strict=True):
            yield pytest.param(raw["expression"], case, id=f"{path.stem}: {case['name']}")


# Where there is none, the test that is skipped says where they should be.
PARAMETERS: Final = list(read()) or [("", {})]


def evaluated(text, given):
    try:
        return Expression(text).evaluate(given.attributes)
    except Mistake as error:
        # What cannot be compiled is false.
        return Evaluation(False, error)


@pytest.mark.parametrize(("text", "case"), PARAMETERS)
def test_it_comes_to(text, case):
    overrides = case.get("eventOverrides", {})
    given = EventView.of(case["event"]) if "event" in case else event(**overrides)
    found = evaluated(text, given)
    assert (None if found.error is None else found.error.kind.value) == case.get("error")
    if "result" in case:
        assert found.value == case["result"]
        assert type(found.value) is type(case["result"])


def test_all_cases_are_read():
    assert len(PARAMETERS) >= 275
