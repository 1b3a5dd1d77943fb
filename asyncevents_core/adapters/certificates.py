"""The files of certificates that connections to database and broker go by."""

from __future__ import annotations

import ssl
from collections.abc import Callable


def trusting(
    *,
    ca_certs: str | None,
    client_cert: str | None,
    client_key: str | None,
    setting: str,
    unavailable: Callable[[str], Exception],
) -> ssl.SSLContext:
    """Return a context that checks servers, and has these certificates in it.

    None stands for those that the system trusts, and for no certificate of our own. Raises what
    `unavailable` makes of a text that names the `setting` and the files, where one of them cannot
    be read or has something else in it.
    """
    try:
        context = ssl.create_default_context(cafile=ca_certs)
        if client_cert is not None:
            context.load_cert_chain(client_cert, client_key)
    except OSError as error:
        files = ", ".join(filter(None, (ca_certs, client_cert, client_key)))
        raise unavailable(f"{setting}: one of {files} cannot be used: {error}") from error
    return context
