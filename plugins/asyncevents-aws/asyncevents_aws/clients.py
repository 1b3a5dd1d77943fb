"""Clients of the SDK: made once per configuration, kept in bounds, closed at the end."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar, cast

import boto3
from attrs import define, field, frozen
from botocore.config import Config

from asyncevents_aws.config import Credentials
from asyncevents_aws.failures import Refused
from asyncevents_core.plugin import Failure

Client = TypeVar("Client")
Value = TypeVar("Value")

SESSIONS_KEPT: Final = 16
"""Credentials at a time; a session of the SDK takes about 8 MB."""
CLIENTS_KEPT: Final = 64
"""Regions and time-outs per credentials at a time."""
SHORTEST: Final = 0.25
"""Seconds below which no client's time-out goes."""
_CONNECTING: Final = 1 / 3


@frozen(kw_only=True)
class ClientSettings:
    """What decides which client is used."""

    credentials: Credentials
    region: str | None
    endpoint_url: str | None


@define(eq=False)
class _Held:
    """A session and its clients. The SDK's sessions are not thread-safe, its clients are."""

    lock: threading.Lock = field(factory=threading.Lock)
    session: Any = None
    clients: OrderedDict[object, Any] = field(factory=OrderedDict)


class Clients(Generic[Client]):
    """The clients of one service. Thread-safe.

    Making one may ask for credentials over the network; that holds up only those who need the
    same credentials.
    """

    def __init__(self, service: str, *, timeout: float, connections: int) -> None:
        self._service = service
        self._timeout = timeout
        self._connections = connections
        self._lock = threading.Lock()
        self._held: OrderedDict[Credentials, _Held] = OrderedDict()
        self._closed = False
        _quiet()

    def get(self, settings: ClientSettings, left: float) -> Client:
        """Return a client whose time-out fits into `left` seconds.

        Raises `Refused` where no time is left or all is closed, and the SDK's errors.
        """
        if left <= 0:
            raise Refused(Failure.TIMED_OUT, "the time was over before anything was sent")
        seconds = fitting(self._timeout, left)
        held = self._holder(settings.credentials)
        key = (settings.region, settings.endpoint_url, seconds)
        with held.lock:
            kept: Client = _kept(
                held.clients, key, CLIENTS_KEPT, lambda: self._make(held, settings, seconds), _close
            )
            return kept

    def forget(self, settings: ClientSettings) -> None:
        """Make them anew the next time, with credentials that were mended meanwhile."""
        with self._lock:
            held = self._held.pop(settings.credentials, None)
        if held is not None:
            _close_all(held)

    def close(self) -> None:
        """Close all; `get` refuses from now on. Idempotent."""
        with self._lock:
            self._closed = True
            all_held = list(self._held.values())
            self._held.clear()
        for held in all_held:
            _close_all(held)

    def _holder(self, credentials: Credentials) -> _Held:
        with self._lock:
            if self._closed:
                raise Refused(Failure.UNAVAILABLE, "the sink was closed; nothing was sent")
            return _kept(self._held, credentials, SESSIONS_KEPT, _Held, _close_all)

    def _make(self, held: _Held, settings: ClientSettings, seconds: float) -> Client:
        if held.session is None:
            credentials = settings.credentials
            held.session = boto3.Session(
                profile_name=credentials.profile,
                aws_access_key_id=credentials.access_key_id,
                aws_secret_access_key=credentials.secret_access_key,
                aws_session_token=credentials.session_token,
            )
        config = Config(
            connect_timeout=seconds * _CONNECTING,
            read_timeout=seconds - seconds * _CONNECTING,
            # The engine retries.
            retries={"total_max_attempts": 1, "mode": "standard"},
            max_pool_connections=self._connections,
            user_agent_extra="asyncevents-aws",
            # Another server than Amazon's seldom has a host for each bucket.
            s3=None if settings.endpoint_url is None else {"addressing_style": "path"},
        )
        client = held.session.client(
            self._service,
            region_name=settings.region,
            endpoint_url=settings.endpoint_url,
            config=config,
        )
        return cast(Client, client)


def fitting(timeout: float, left: float) -> float:
    """Return `timeout`, halved until it fits into `left` seconds, but not below `SHORTEST`.

    The SDK fixes a client's time-out when the client is made; halves keep their number small.
    """
    while timeout > left and timeout / 2 >= SHORTEST:
        timeout /= 2
    return timeout


def _kept(
    values: OrderedDict[Any, Value],
    key: object,
    most: int,
    make: Callable[[], Value],
    drop: Callable[[Value], None],
) -> Value:
    """Return the value of a key, made where it is missing; what was unused longest is dropped."""
    if key not in values:
        values[key] = make()
        if len(values) > most:
            drop(values.popitem(last=False)[1])
    values.move_to_end(key)
    return values[key]


def _close_all(held: _Held) -> None:
    # Without its lock: a call under way keeps its connection and gives it up afterwards.
    for client in list(held.clients.values()):
        _close(client)


def _close(client: Any) -> None:
    client.close()


def _quiet() -> None:
    """Keep botocore from following a root logger at DEBUG, unless its level was set.

    At DEBUG it writes signed requests with their session tokens (botocore.auth,
    botocore.endpoint) and the answers of token services (botocore.parsers).
    """
    logger = logging.getLogger("botocore")
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.INFO)
