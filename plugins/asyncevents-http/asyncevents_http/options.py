"""The options of a subscription to the sink `http`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, Literal

from attrs import Attribute, field, frozen, validators

from asyncevents_core.plugin import EXAMPLE, GROUP, HELP, LINES, ORDER, SECRET, TITLE
from asyncevents_http.header_rules import check_different, check_headers, check_name, check_value
from asyncevents_http.statuses import StatusRules, read_statuses

MOST_BATCHED: Final = 1000
LARGEST_BATCH: Final = 16 * 1024 * 1024
LONGEST_PEM: Final = 16_384
_LONGEST_SECRET: Final = 4096
_VISIBLE: Final = re.compile(r"[\x21-\x7e]+")
_WORD: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_QUOTED: Final = r'"[\x20-\x21\x23-\x5b\x5d-\x7e]*"'
_MEDIA_TYPE: Final = re.compile(rf"{_WORD}/{_WORD}([ \t]*;[ \t]*{_WORD}=({_WORD}|{_QUOTED}))*")

_REQUEST: Final = "Request"
_CREDENTIALS: Final = "Password, token or API key"
_OAUTH2: Final = "OAuth2 client credentials"
_MTLS: Final = "Client certificate (mutual TLS)"
_SIGNATURES: Final = "Signatures"
_ANSWERS: Final = "Which answers are retried"
_HANDSHAKE: Final = "Handshake"
_BATCHES: Final = "Batches"

Mode = Literal["structured", "binary", "plain", "batched"]
Signature = Literal["standard", "rfc9421", "both", "none"]


def _plain_headers(_: object, __: Attribute[Any], value: Mapping[str, str]) -> None:
    check_headers(value, secret=False)


def _secret_headers(_: object, __: Attribute[Any], value: Mapping[str, str]) -> None:
    check_headers(value, secret=True)


def _header_name(_: object, __: Attribute[Any], value: str) -> None:
    check_name(value, secret=True)


def _header_value(_: object, attribute: Attribute[Any], value: str | None) -> None:
    if value is not None:
        if not value:
            raise ValueError("it must not be empty")
        check_value(attribute.name, value)


def _visible(_: object, __: Attribute[Any], value: str | None) -> None:
    if value is not None and (len(value) > _LONGEST_SECRET or not _VISIBLE.fullmatch(value)):
        raise ValueError(
            f"it has 1 to {_LONGEST_SECRET} printable ASCII characters, without spaces"
        )


def _username(_: object, __: Attribute[Any], value: str | None) -> None:
    if value is not None and (":" in value or not value.isprintable() or not 0 < len(value) <= 256):
        raise ValueError("it has 1 to 256 printable characters, without a colon")


def _password(_: object, __: Attribute[Any], value: str | None) -> None:
    if value is not None and (not value.isprintable() or len(value) > _LONGEST_SECRET):
        raise ValueError(f"it has at most {_LONGEST_SECRET} characters, none of control")


def _text(_: object, __: Attribute[Any], value: str | None) -> None:
    if value is not None and not (0 < len(value) <= 1024 and value.isprintable()):
        raise ValueError("it has 1 to 1024 printable characters")


def _pem(_: object, __: Attribute[Any], value: str | None) -> None:
    if value is not None and (len(value) > LONGEST_PEM or "-----BEGIN " not in value):
        raise ValueError(
            f"it is a text in PEM, from -----BEGIN … to -----END …, of at most {LONGEST_PEM} "
            "characters"
        )


def _media_type(_: object, __: Attribute[Any], value: str | None) -> None:
    if value is not None and (len(value) > 256 or not _MEDIA_TYPE.fullmatch(value)):
        raise ValueError(f"{value[:256]!r} is no media type, such as application/json")


def _statuses(_: object, __: Attribute[Any], value: tuple[str, ...]) -> None:
    read_statuses(value)


def _between(least: float, most: float) -> Any:
    return validators.and_(validators.ge(least), validators.le(most))


def _told(
    order: int, group: str | None, title: str, help_: str, **more: object
) -> dict[str, object]:
    under = {} if group is None else {GROUP: group}
    return {ORDER: order, TITLE: title, HELP: help_, **under, **more}


@frozen(kw_only=True)
class HttpOptions:
    """How one subscription talks to its recipient. Times are seconds, sizes bytes.

    Raises ValueError for what does not fit together; secrets are never in its text.
    """

    mode: Mode = field(
        default="structured",
        metadata=_told(
            10,
            None,
            "Form of requests",
            "structured: a CloudEvent as JSON. binary: its attributes as headers, the data as "
            "body. plain: the data alone. batched: several CloudEvents in one request.",
        ),
    )
    content_type: str | None = field(
        default=None,
        validator=_media_type,
        metadata=_told(
            11,
            _REQUEST,
            "Content type",
            "Instead of that of the form.",
            **{EXAMPLE: "application/json"},
        ),
    )
    method: Literal["POST", "PUT", "PATCH"] = field(
        default="POST", metadata=_told(12, _REQUEST, "Method", "The method of requests.")
    )
    timeout: float | None = field(
        default=None,
        validator=validators.optional(validators.gt(0)),
        metadata=_told(
            13,
            _REQUEST,
            "Time-out",
            "Seconds for an attempt; at most those of the sink.",
            **{EXAMPLE: 5},
        ),
    )
    headers: Mapping[str, str] = field(
        factory=dict,
        validator=_plain_headers,
        metadata=_told(
            20,
            None,
            "Headers",
            "More headers, as JSON. They are shown.",
            **{EXAMPLE: {"X-Shop": "eu"}},
        ),
    )
    secret_headers: Mapping[str, str] = field(
        factory=dict,
        validator=_secret_headers,
        repr=False,
        metadata=_told(
            21,
            None,
            "Secret headers",
            'More headers, as JSON, such as {"X-Token": "…"}. They are not shown.',
            **{SECRET: True},
        ),
    )
    username: str | None = field(
        default=None,
        validator=_username,
        metadata=_told(30, _CREDENTIALS, "User name", "For basic authentication."),
    )
    password: str | None = field(
        default=None,
        validator=_password,
        repr=False,
        metadata=_told(31, _CREDENTIALS, "Password", "For basic authentication.", **{SECRET: True}),
    )
    bearer_token: str | None = field(
        default=None,
        validator=_visible,
        repr=False,
        metadata=_told(
            32, _CREDENTIALS, "Bearer token", "Sent as Authorization: Bearer.", **{SECRET: True}
        ),
    )
    api_key_header: str = field(
        default="X-API-Key",
        validator=_header_name,
        metadata=_told(
            33, _CREDENTIALS, "Header of the API key", "The header that the API key stands in."
        ),
    )
    api_key: str | None = field(
        default=None,
        validator=_header_value,
        repr=False,
        metadata=_told(
            34, _CREDENTIALS, "API key", "The key that a gateway wants.", **{SECRET: True}
        ),
    )
    token_url: str | None = field(
        default=None,
        metadata=_told(
            40,
            _OAUTH2,
            "OAuth2: token URL",
            "Where an access token is fetched (client credentials).",
            **{EXAMPLE: "https://login.example.com/oauth2/token"},
        ),
    )
    client_id: str | None = field(
        default=None,
        validator=_text,
        metadata=_told(41, _OAUTH2, "OAuth2: client id", "Who asks for it."),
    )
    client_secret: str | None = field(
        default=None,
        validator=_password,
        repr=False,
        metadata=_told(42, _OAUTH2, "OAuth2: client secret", "Its password.", **{SECRET: True}),
    )
    scope: str | None = field(
        default=None,
        validator=_text,
        metadata=_told(43, _OAUTH2, "OAuth2: scope", "Scopes, with spaces between them."),
    )
    audience: str | None = field(
        default=None,
        validator=_text,
        metadata=_told(44, _OAUTH2, "OAuth2: audience", "For servers that ask for one."),
    )
    client_auth: Literal["basic", "body"] = field(
        default="basic",
        metadata=_told(
            45,
            _OAUTH2,
            "OAuth2: client secret in",
            "basic: the header Authorization. body: the form.",
        ),
    )
    client_certificate: str | None = field(
        default=None,
        validator=_pem,
        metadata=_told(
            50,
            _MTLS,
            "Client certificate",
            "For mutual TLS: PEM, with those that it was issued by.",
            **{LINES: True},
        ),
    )
    client_key: str | None = field(
        default=None,
        validator=_pem,
        repr=False,
        metadata=_told(51, _MTLS, "Client key", "The private key of the certificate: PEM.")
        | {SECRET: True, LINES: True},
    )
    client_key_passphrase: str | None = field(
        default=None,
        validator=_password,
        repr=False,
        metadata=_told(
            52, _MTLS, "Passphrase of the client key", "If it has one.", **{SECRET: True}
        ),
    )
    signature: Signature = field(
        default="standard",
        metadata=_told(
            60,
            _SIGNATURES,
            "Signature",
            "standard: Standard Webhooks. rfc9421: HTTP Message Signatures. both, or none.",
        ),
    )
    magento_signature: bool | None = field(
        default=None,
        metadata=_told(
            61,
            _SIGNATURES,
            "X-Magento-Signature",
            "Adds it, or not; empty: as the sink is configured.",
        ),
    )
    retry_on: tuple[str, ...] = field(
        default=(),
        validator=_statuses,
        metadata=_told(
            70,
            _ANSWERS,
            "Retried statuses",
            "Statuses that are retried besides 408, 425, 429 and 5xx.",
            **{EXAMPLE: ["404", "409"]},
        ),
    )
    give_up_on: tuple[str, ...] = field(
        default=(),
        validator=_statuses,
        metadata=_told(
            71,
            _ANSWERS,
            "Final statuses",
            "Statuses that are not retried although they would be.",
            **{EXAMPLE: ["501"]},
        ),
    )
    handshake: bool = field(
        default=False,
        metadata=_told(
            80,
            _HANDSHAKE,
            "Handshake",
            "Asks the recipient for its consent first (OPTIONS, WebHook-Request-Origin).",
        ),
    )
    handshake_rate: int | None = field(
        default=None,
        validator=validators.optional(_between(1, 1_000_000)),
        metadata=_told(81, _HANDSHAKE, "Handshake: rate", "Requests a minute to ask for."),
    )
    batch_count: int = field(
        default=100,
        validator=_between(1, MOST_BATCHED),
        metadata=_told(90, _BATCHES, "Batch: events", "At most so many events in a request."),
    )
    batch_bytes: int = field(
        default=256 * 1024,
        validator=_between(1, LARGEST_BATCH),
        metadata=_told(91, _BATCHES, "Batch: bytes", "At most so many bytes in a request."),
    )
    batch_wait: float = field(
        default=0.2,
        validator=_between(0, 10),
        metadata=_told(92, _BATCHES, "Batch: wait", "Seconds that an event waits for others."),
    )

    def __attrs_post_init__(self) -> None:
        _together("username", self.username, "password", self.password)
        _together("client_certificate", self.client_certificate, "client_key", self.client_key)
        if self.client_key_passphrase is not None and self.client_key is None:
            raise ValueError("client_key_passphrase is given without client_key")
        self._check_oauth2()
        kinds = self._authentications()
        if len(kinds) > 1:
            raise ValueError(f"give one kind of authentication only, not {' and '.join(kinds)}")
        own = [*self.headers, *self.secret_headers]
        if self.api_key is not None:
            own.append(self.api_key_header)
        elif kinds:
            own.append("Authorization")
        check_different(own)
        if self.handshake_rate is not None and not self.handshake:
            raise ValueError("handshake_rate is given without handshake")
        StatusRules(self.retry_on, self.give_up_on)

    def _check_oauth2(self) -> None:
        wanted = {
            "token_url": self.token_url,
            "client_id": self.client_id,
            "client_secret": self.client_secret,
        }
        missing = [name for name, value in wanted.items() if value is None]
        extra = {**wanted, "scope": self.scope, "audience": self.audience}
        given = [name for name, value in extra.items() if value is not None]
        if given and missing:
            raise ValueError(f"{', '.join(given)}: OAuth2 needs {', '.join(missing)} too")

    def _authentications(self) -> list[str]:
        kinds = {
            "username": self.username,
            "bearer_token": self.bearer_token,
            "api_key": self.api_key,
            "token_url": self.token_url,
        }
        return [name for name, value in kinds.items() if value is not None]


def _together(one: str, value: str | None, other: str, other_value: str | None) -> None:
    if (value is None) != (other_value is None):
        raise ValueError(f"{one} and {other} are given together")
