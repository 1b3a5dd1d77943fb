"""What an answer means to a subscription that has options about it, and what is not shown of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from attrs import evolve, field, frozen

from asyncevents_core.plugin import Outcome
from asyncevents_http.basic import basic
from asyncevents_http.bodies import CUT
from asyncevents_http.options import HttpOptions
from asyncevents_http.statuses import StatusRules

DOTS: Final = "•••"
_SHORTEST: Final = 4
"""Characters of a secret below which it is no secret, and would be found everywhere."""


@frozen(kw_only=True)
class Reading:
    """Of a subscription: its rules for statuses, whether it says who it is, and its secrets."""

    retry_on: tuple[str, ...] = ()
    give_up_on: tuple[str, ...] = ()
    authenticates: bool = False
    secrets: tuple[str, ...] = field(default=(), repr=False)
    statuses: StatusRules = field(init=False, repr=False, eq=False)

    @statuses.default
    def _read_statuses(self) -> StatusRules:
        return StatusRules(self.retry_on, self.give_up_on)

    @classmethod
    def of(cls, options: HttpOptions) -> Reading | None:
        """Return what options say; None where they say nothing of answers."""
        reading = cls(
            retry_on=options.retry_on,
            give_up_on=options.give_up_on,
            authenticates=any(
                one is not None
                for one in (
                    options.username,
                    options.bearer_token,
                    options.api_key,
                    options.token_url,
                )
            ),
            secrets=tuple(_secrets(options)),
        )
        return None if reading == cls() else reading

    def without_secrets(self, outcome: Outcome, more: Sequence[str] = ()) -> Outcome:
        """Return an outcome in which no secret stands: recipients may say what they were sent.

        `more` are secrets that only this attempt had.
        """
        known = [*self.secrets, *more]
        response, detail = _hidden(outcome.response, known), _hidden(outcome.detail, known)
        if response == outcome.response and detail == outcome.detail:
            return outcome
        return evolve(outcome, response=response, detail=detail)


def forms_of(secret: str) -> list[str]:
    """Return what a secret looks like in texts: as it is, and in a URL or a form."""
    return [one for one in dict.fromkeys((secret, quote(secret, safe=""))) if len(one) >= _SHORTEST]


def _secrets(options: HttpOptions) -> list[str]:
    given = [
        options.password,
        options.bearer_token,
        options.api_key,
        options.client_secret,
        *options.secret_headers.values(),
    ]
    found = [form for one in given if one is not None for form in forms_of(one)]
    for name, password in (
        (options.username, options.password),
        (options.client_id, options.client_secret),
    ):
        if name is not None and password is not None:
            found.append(basic(name, password).decode().removeprefix("Basic "))
    # The longest first: one may be a part of another.
    return sorted(found, key=len, reverse=True)


def _hidden(text: str, secrets: Sequence[str]) -> str:
    for one in secrets:
        if one in text:
            text = text.replace(one, DOTS)
    if text.endswith(CUT):
        return _hidden_end(text.removesuffix(CUT), secrets) + CUT
    return text


def _hidden_end(text: str, secrets: Sequence[str]) -> str:
    """Hide the beginning of a secret that was cut off with the text."""
    for one in secrets:
        for length in range(min(len(one) - 1, len(text)), _SHORTEST - 1, -1):
            if text.endswith(one[:length]):
                return text[:-length] + DOTS
    return text
