"""boto3's clients: one for each configuration, made when it is first needed."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from typing import Any, Final

import boto3
from attrs import frozen
from botocore.config import Config

from asyncevents_aws.config import AwsConfig, Credentials
from asyncevents_aws.failures import NoRegion

MOST_CLIENTS: Final = 64
"""Clients kept open; the one that was not used for the longest time is let go."""


@frozen(kw_only=True)
class Account:
    """As whom, and where: what a client is made for. `region` None: what the SDK finds."""

    credentials: Credentials
    region: str | None


class Clients:
    """The clients of one service. Thread-safe, as boto3's clients are; its sessions are not."""

    def __init__(self, service: str, config: AwsConfig, *, concurrency: int) -> None:
        _silence()
        self._service = service
        self._endpoint_url = config.endpoint_url
        self._lock = threading.Lock()
        self._clients: OrderedDict[Account, Any] = OrderedDict()
        self._settings = Config(
            connect_timeout=config.timeout,
            read_timeout=config.timeout,
            # The engine schedules retries.
            retries={"total_max_attempts": 1, "mode": "standard"},
            max_pool_connections=concurrency,
            user_agent_extra="asyncevents",
        )

    def get(self, account: Account) -> Any:
        """Return the client. Raises what the SDK raises, `NoRegion`."""
        with self._lock:
            client = self._clients.get(account)
            if client is None:
                client = self._clients[account] = self._make(account)
                if len(self._clients) > MOST_CLIENTS:
                    # Not closed: it may be in use. Its connections go when the last user does.
                    self._clients.popitem(last=False)
            else:
                self._clients.move_to_end(account)
            return client

    def close(self) -> None:
        """Close all of them."""
        with self._lock:
            for client in self._clients.values():
                client.close()
            self._clients.clear()

    def _make(self, account: Account) -> Any:
        credentials = account.credentials
        session = boto3.Session(
            profile_name=credentials.profile,
            aws_access_key_id=credentials.access_key_id,
            aws_secret_access_key=credentials.secret_access_key,
            aws_session_token=credentials.session_token,
        )
        region = account.region or session.region_name
        if region is None:
            raise NoRegion
        # mypy: boto3's types know each service by a literal.
        make: Any = session.client
        return make(
            self._service,
            region_name=region,
            endpoint_url=self._endpoint_url,
            config=self._settings,
        )


def _silence() -> None:
    """Keep the SDK from logging what it sends: at DEBUG that includes session tokens."""
    logger = logging.getLogger("botocore")
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.INFO)
