"""The model of the state machine: what holds in all of its states, and what notices a mistake."""

from __future__ import annotations

import pytest

from tests.conftest import skip_unless_present
from tests.model.checking import MODELS, Check, check
from tests.model.mutants import MUTANTS
from tests.model.worlds import ALL, KILLED
from tests.services.needs import COMPILER, SPIN


@pytest.fixture(autouse=True)
def spin():
    skip_unless_present(COMPILER)
    skip_unless_present(SPIN)


@pytest.mark.parametrize("world", ALL.values(), ids=ALL)
def test_it_holds_in_every_state(world):
    found = check(world)
    assert found.holds
    assert found.states > 1_000


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda one: one.words)
def test_a_broken_rule_is_found(mutant):
    assert not check(mutant.check, mutant=mutant.number).holds


def test_what_is_not_finished_is_no_verdict():
    with pytest.raises(RuntimeError):
        check(Check(model=KILLED.model, prop="no such property"))


def test_every_rule_of_the_models_is_broken_once():
    for model in ("delivery", "suspects"):
        numbers = [one.number for one in MUTANTS if one.check.model == model]
        assert sorted(numbers) == list(range(1, len(numbers) + 1))
    assert len(MUTANTS) >= 15


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda one: one.words)
def test_each_rule_has_its_place_in_the_code(mutant):
    text = (MODELS.parents[1] / "asyncevents_core" / mutant.file).read_text()
    assert text.count(mutant.old) == 1
