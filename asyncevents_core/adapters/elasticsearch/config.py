"""What ``INDEXERS["elasticsearch"]`` says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from attrs import field, frozen, validators

from asyncevents_core.showing import SECRET

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,99}")
_SECRET: Final = {SECRET: True}


def _are_urls(_: Any, __: Any, urls: Sequence[str]) -> None:
    if not urls:
        raise ValueError("give one URL at least, such as https://es1.example:9200")
    for url in urls:
        if "@" in url:
            raise ValueError("credentials belong into username and password, not into a URL")
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError(f"{url!r} is not a URL such as https://es1.example:9200")


def _is_name(_: Any, __: Any, name: str) -> None:
    if _NAME.fullmatch(name) is None:
        raise ValueError(f"{name!r}: lower-case letters, digits, - and _, up to 100 characters")


@frozen(kw_only=True)
class ElasticsearchConfig:
    """``INDEXERS["elasticsearch"]``.

    `urls` are nodes of one cluster. `index` is the alias that is searched, and what the names of
    indices begin with. `api_key` is what Elasticsearch calls the encoded one; or `username` and
    `password`. `ca_certs` is a file of certificates to trust, `client_cert` and `client_key` are
    files that tell who this is. `shards` and `replicas` are those of each index, and `rollover`
    is how many attempts an index is made for: all three count for indices made from now on, the
    last one from the next rebuild on. `bulk_bytes` is the size of one request that writes, and
    `parallel` of them are under way at once; `request_timeout` are seconds for one request other
    than a search.
    """

    urls: Sequence[str] = field(factory=lambda: ["http://localhost:9200"], validator=_are_urls)
    index: str = field(default="asyncevents", validator=_is_name)
    api_key: str | None = field(default=None, repr=False, metadata=_SECRET)
    username: str | None = None
    password: str | None = field(default=None, repr=False, metadata=_SECRET)
    ca_certs: str | None = None
    verify_certs: bool = True
    client_cert: str | None = None
    client_key: str | None = None
    shards: int = field(default=1, validator=[validators.ge(1), validators.le(1024)])
    replicas: int = field(default=1, validator=[validators.ge(0), validators.le(100)])
    rollover: int = field(default=2_000_000, validator=validators.ge(1))
    parallel: int = field(default=3, validator=[validators.ge(1), validators.le(32)])
    bulk_bytes: int = field(
        default=10_000_000, validator=[validators.ge(10_000), validators.le(90_000_000)]
    )
    request_timeout: float = field(default=30.0, validator=validators.gt(0))

    def __attrs_post_init__(self) -> None:
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password are given together")
        if self.username is not None and self.api_key is not None:
            raise ValueError("give an api_key, or username and password, not both")
        if self.client_key is not None and self.client_cert is None:
            raise ValueError("client_key belongs to a client_cert; give that, too")
        tls = self.ca_certs or self.client_cert or not self.verify_certs
        if tls and any(url.startswith("http:") for url in self.urls):
            raise ValueError("certificates are of use with https:// only; the urls say http://")
