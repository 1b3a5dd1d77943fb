"""Which certificates of recipients are trusted, and which of our own are presented to them."""

from __future__ import annotations

import functools
import ssl
from collections.abc import Sequence
from typing import Final

import httpx

from asyncevents_core.errors import SettingsError
from asyncevents_http.identities import Identity

_IDENTITIES_KEPT: Final = 256


class TlsContexts:
    """Contexts that trust public authorities, and those of a file (PEM): one for each identity.

    `protocols` are those of ALPN. Raises `SettingsError` where the file cannot be read.
    """

    def __init__(self, ca_certs: str | None, protocols: Sequence[str] = ()) -> None:
        self._ca_certs = ca_certs
        self._protocols = list(protocols)
        self._common = self._made()
        self._presenting = functools.lru_cache(_IDENTITIES_KEPT)(self._made)

    def of(self, identity: Identity | None) -> ssl.SSLContext:
        """Return the context that presents an identity, or none.

        Raises `IdentityMalformed` where OpenSSL does not take it, `SettingsError` as the class.
        """
        return self._common if identity is None else self._presenting(identity)

    def _made(self, identity: Identity | None = None) -> ssl.SSLContext:
        context = tls_context(self._ca_certs)
        if self._protocols:
            context.set_alpn_protocols(self._protocols)
        if identity is not None:
            identity.load_into(context)
        return context


def tls_context(ca_certs: str | None) -> ssl.SSLContext:
    """Return a context that trusts public authorities, and those of a file (PEM).

    Raises `SettingsError` where the file cannot be read.
    """
    context = httpx.create_ssl_context()
    # A certificate names its hosts as alternative names; a common name is no proof (RFC 9525).
    context.hostname_checks_common_name = False
    if ca_certs is not None:
        try:
            context.load_verify_locations(cafile=ca_certs)
        except OSError as error:
            raise SettingsError(
                [f"ca_certs: certificates cannot be read from {ca_certs!r}: {error}"],
                origin="SINKS['http']",
            ) from error
    return context
