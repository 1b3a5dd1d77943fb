"""The options of a subscription: checked by their class, kept secret where it says so."""

from typing import Literal

import pytest
from attrs import field, frozen

from asyncevents_core.domain.outcome import Failure, Outcome, OutcomeKind
from asyncevents_core.showing import DOTS, masked
from asyncevents_core.structuring import read_texts, structure


@frozen(kw_only=True)
class Options:
    region: str | None = None
    size: int = 1
    fast: bool = False
    keys: tuple[str, ...] = ()
    token: str = field(default="", metadata={"secret": True})


def test_texts_are_read_as_the_fields_want_them():
    texts = {"region": "none", "size": "3", "fast": "yes", "keys": "a,b", "token": "7"}
    assert read_texts(Options, texts) == {
        "region": None,
        "size": 3,
        "fast": True,
        "keys": ["a", "b"],
        "token": "7",
    }


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({"size": "x"}, "size: 'x' is not a number"),
        ({"fast": "maybe"}, "fast: 'maybe' is neither true nor false"),
    ],
)
def test_a_text_that_does_not_fit_is_named(texts, message):
    with pytest.raises(ValueError, match=message):
        read_texts(Options, texts)


def test_every_mistake_is_named():
    problems = []
    structure(Options, {"size": "3", "fest": True}, "options", problems)
    assert problems == [
        "options.size: expected int, got str: '3'",
        "options.fest: no such option (did you mean 'fast'?)",
    ]


@frozen(kw_only=True)
class Choice:
    level: Literal["low", "high"] | None = None


@pytest.mark.parametrize("level", ["low", "high", None])
def test_one_of_some_words_is_taken(level):
    problems = []
    assert structure(Choice, {"level": level}, "options", problems) == Choice(level=level)
    assert problems == []


@pytest.mark.parametrize("level", ["mid", True, 1, ["low"]])
def test_another_word_is_a_mistake(level):
    problems = []
    assert structure(Choice, {"level": level}, "options", problems) is None
    assert problems == [f"options.level: expected one of 'low', 'high', got {level!r}"]


def test_what_fields_do_not_agree_on_is_named_too():
    @frozen(kw_only=True)
    class Pair:
        left: str | None = None
        right: str | None = None

        def __attrs_post_init__(self):
            if (self.left is None) != (self.right is None):
                raise ValueError("left and right are given together")

    problems = []
    structure(Pair, {"left": "x"}, "options", problems)
    assert problems == ["options: left and right are given together"]


def test_a_secret_that_does_not_fit_is_not_shown():
    problems = []
    structure(Options, {"token": {"private": "hush"}}, "options", problems)
    assert problems == ["options.token: is not what is wanted here; a secret, so not shown"]


def test_secrets_and_what_is_unknown_are_masked():
    shown = masked(Options, {"size": 3, "token": "x", "other": "y"})
    assert shown == {"size": 3, "token": DOTS, "other": DOTS}


@pytest.mark.parametrize("failure", list(Failure))
def test_the_reason_decides_whether_to_retry(failure):
    outcome = Outcome.failed(failure, "because", retry_after=3.0)
    final = {Failure.UNKNOWN_TARGET, Failure.DENIED, Failure.INVALID, Failure.TOO_LARGE}
    assert (outcome.kind is OutcomeKind.PERMANENT) == (failure in final)
    assert outcome.retry_after == (None if failure in final else 3.0)
    assert outcome.timed_out == (failure is Failure.TIMED_OUT)
    assert outcome.detail == f"{failure.value}: because"
