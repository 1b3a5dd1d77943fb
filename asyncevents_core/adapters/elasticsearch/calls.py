"""The client, and its errors as the port has them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from elasticsearch import (
    ApiError,
    ConnectionError,
    Elasticsearch,
    TransportError,
    UnsupportedProductError,
)

from asyncevents_core.adapters.elasticsearch.config import ElasticsearchConfig
from asyncevents_core.errors import IndexUnavailable


def make_client(config: ElasticsearchConfig) -> Elasticsearch:
    """Return a client; it connects with the first request.

    Raises `IndexUnavailable` where a file of certificates cannot be read. Requests that the
    cluster turns down are not repeated by it: who writes does so, after a pause.
    """
    options: dict[str, Any] = {}
    if config.api_key is not None:
        options["api_key"] = config.api_key
    if config.username is not None and config.password is not None:
        options["basic_auth"] = (config.username, config.password)
    if all(url.startswith("https:") for url in config.urls):
        # Not to verify is what the settings say: nothing to warn of at each start.
        options |= {"verify_certs": config.verify_certs, "ssl_show_warn": False}
    for name in ("ca_certs", "client_cert", "client_key"):
        path = getattr(config, name)
        if path is not None:
            _check_readable(name, path)
            options[name] = path
    try:
        return Elasticsearch(
            list(config.urls),
            request_timeout=config.request_timeout,
            retry_on_status=(),
            **options,
        )
    except (ValueError, OSError) as error:
        raise IndexUnavailable(f"Elasticsearch: {error}") from error


def _check_readable(name: str, path: str) -> None:
    try:
        Path(path).read_bytes()
    except OSError as error:
        raise IndexUnavailable(f"Elasticsearch: {name}: cannot be read: {error}") from error


@contextlib.contextmanager
def reaching() -> Iterator[None]:
    """Turn the client's errors into `IndexUnavailable`, which says what to look at."""
    try:
        yield
    except UnsupportedProductError as error:
        raise IndexUnavailable("what answers is not Elasticsearch: look at urls") from error
    except ApiError as error:
        raise IndexUnavailable(_refused(error)) from error
    except ConnectionError as error:
        raise IndexUnavailable(f"Elasticsearch cannot be reached: {_cause_of(error)}") from error
    except TransportError as error:
        raise IndexUnavailable(f"Elasticsearch: {error}") from error


def _cause_of(error: Exception) -> Exception:
    """Return what the client has wrapped, once or several times."""
    errors = getattr(error, "errors", ())
    return _cause_of(errors[0]) if errors else error


def _refused(error: ApiError) -> str:
    status = error.status_code
    if status == 401:
        return "Elasticsearch refuses the credentials (401): is the api_key or password right?"
    if status == 403:
        return f"Elasticsearch does not allow it (403): {reason_of(error.body)}"
    return f"Elasticsearch answers {status}: {reason_of(error.body)}"


def reason_of(body: object) -> str:
    """Return why, in one line, of what Elasticsearch answered; its innermost cause."""
    found = body.get("error", body) if isinstance(body, Mapping) else body
    text = found
    while isinstance(found, Mapping):
        text = found.get("reason", text)
        found = _cause(found)
    return " ".join(str(text).split())[:500]


def _cause(error: Mapping[str, Any]) -> object:
    if isinstance(error.get("caused_by"), Mapping):
        return error["caused_by"]
    shards = error.get("failed_shards")
    if isinstance(shards, list) and shards and isinstance(shards[0], Mapping):
        return shards[0].get("reason")
    return None
