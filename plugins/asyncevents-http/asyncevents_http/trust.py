"""Which certificates of recipients are trusted."""

from __future__ import annotations

import ssl

import httpx

from asyncevents_core.errors import SettingsError


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
