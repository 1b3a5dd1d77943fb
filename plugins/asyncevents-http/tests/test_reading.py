"""What is not shown of an answer."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from asyncevents_core.plugin import Outcome
from asyncevents_http.bodies import CUT
from asyncevents_http.options import HttpOptions
from asyncevents_http.reading import DOTS, Reading

SECRET = "hunter2-hunter2/+"


def shown(text, **options):
    reading = Reading.of(HttpOptions(**options))
    return reading.without_secrets(Outcome.delivered(text, response=text)).response


def test_without_options_about_answers_there_is_none():
    assert Reading.of(HttpOptions()) is None
    assert Reading.of(HttpOptions(mode="plain", headers={"X-Shop": "eu"})) is None


@given(st.text(max_size=20), st.text(max_size=20), st.integers(0, 60))
def test_neither_a_secret_nor_its_beginning_is_shown(before, after, kept):
    text = f"{before}{SECRET}{after}"
    cut = text[:kept]
    found = shown(cut + CUT if kept < len(text) else text, api_key=SECRET)
    assert SECRET not in found
    assert SECRET[:4] not in found or SECRET[:4] in before + after


def test_forms_of_a_secret_in_a_url():
    assert shown("a=hunter2-hunter2%2F%2B&", bearer_token=SECRET) == f"a={DOTS}&"


def test_one_that_is_a_part_of_another():
    secrets = {"X-A": "hunter2", "X-B": "hunter2-and-more"}
    assert shown("hunter2-and-more hunter2", secret_headers=secrets) == f"{DOTS} {DOTS}"


def test_what_is_too_short_is_no_secret():
    assert shown("a cat", secret_headers={"X-A": "a"}, retry_on=("409",)) == "a cat"
