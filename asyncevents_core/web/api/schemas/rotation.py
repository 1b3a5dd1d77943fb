"""A new secret of a subscription: what is asked for, and what is answered."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar, Final, Literal, Self

from attrs import field, frozen

from asyncevents_core.domain.limits import overlap_mistake, secret_mistake
from asyncevents_core.web.api.problems import refuse_wrong
from asyncevents_core.web.api.strict_body import read_object

_DAY: Final = 86_400.0


@frozen(kw_only=True)
class Rotation:
    """How to rotate a secret.

    `overlap` are the seconds for which the secrets there are go on to sign, a day by default; 0:
    they end at once; null: until somebody ends them. Without `secret` one is made, of `kind`;
    without that, of the same kind as before.
    """

    overlap: float | None = _DAY
    secret: str | None = field(default=None, repr=False)
    kind: Literal["symmetric", "ed25519"] | None = None

    shape: ClassVar[type]
    EXAMPLE: ClassVar[Mapping[str, object]] = {"overlap": 86400}

    @classmethod
    def read(cls, value: object) -> Self:
        """See `Readable`."""
        found = read_object(cls, value, "body")
        wrong = {
            "overlap": None if found.overlap is None else overlap_mistake(found.overlap),
            "secret": None if found.secret is None else secret_mistake(found.secret),
        }
        if found.secret is not None and found.kind is not None:
            wrong["kind"] = "is that of the secret: give one of the two"
        refuse_wrong(wrong)
        return found


Rotation.shape = Rotation


@frozen(kw_only=True)
class Rotated:
    """A subscription with a new secret.

    `receiver_secret` is the receiver's form of it; `older_secrets_until` says how long others sign
    besides, null: until somebody ends them.
    """

    subscription_id: int
    receiver_secret: str
    older_secrets_until: list[datetime | None]
