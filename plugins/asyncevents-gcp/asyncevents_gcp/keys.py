"""Keys of service accounts that subscriptions bring along. No I/O, and nothing is shown of them."""

from __future__ import annotations

import json
from typing import Final

_FIELDS: Final = ("client_email", "private_key", "token_uri")

TOKEN_URIS: Final = frozenset(
    {
        "https://oauth2.googleapis.com/token",
        "https://accounts.google.com/o/oauth2/token",
        "https://www.googleapis.com/oauth2/v4/token",
    }
)
"""Where Google gives out tokens: what its keys say now, and what older ones do."""

UNIVERSE: Final = "googleapis.com"


def check_key(text: str) -> None:
    """Raise ValueError unless this is the key of a service account at Google.

    Only those: other kinds of credentials make the SDK call addresses and even programs that
    they name, and so do a key's `token_uri` and `universe_domain`. A worker reaches what
    subscribers do not, so that is not for them to choose.
    """
    try:
        key = json.loads(text)
    except ValueError:
        # Without its cause, which quotes the text.
        raise ValueError("not JSON") from None
    if not isinstance(key, dict) or key.get("type") != "service_account":
        raise ValueError('no key of a service account ("type" says so)')
    missing = [name for name in _FIELDS if not isinstance(key.get(name), str)]
    if missing:
        raise ValueError(f"{', '.join(missing)} missing")
    if key["token_uri"] not in TOKEN_URIS:
        raise ValueError("its token_uri is not one of Google's: download the key again")
    if key.get("universe_domain", UNIVERSE) != UNIVERSE:
        raise ValueError(
            f"its universe_domain is not {UNIVERSE}: put such credentials into "
            "SINKS['pubsub']['credentials'], and name them in the option `credentials`"
        )
