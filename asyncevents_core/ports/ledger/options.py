"""The ledger's connections, how long they may take and how many there are: LEDGER_OPTIONS."""

from __future__ import annotations

from typing import Any, Final

from attrs import field, frozen, validators

from asyncevents_core.ports.passwords import PasswordSource
from asyncevents_core.showing import SECRET

_seconds: Final = validators.gt(0.0)

_count: Final[Any] = validators.optional(validators.ge(0))

ANSWER_LATER: Final = 5.0
"""Seconds from the end of a statement's time until a server that says nothing is given up."""


@frozen(kw_only=True)
class LedgerOptions:
    """The ledger's own connections, not those that callers bring along; times are in seconds.

    The limits are made for the times of leases and beats: whatever hangs, a worker knows it within
    half a minute, before its leases have run out.
    """

    connect_timeout: float = field(default=5.0, validator=_seconds)
    """Opening a connection, until it can be used."""
    lock_timeout: float = field(default=5.0, validator=_seconds)
    """Waiting for a lock that another transaction holds; then the transaction is run again."""
    statement_timeout: float = field(default=15.0, validator=_seconds)
    """One statement. The server ends it; a server that is silent is given up 5 s later."""
    cleanup_statement_timeout: float = field(default=300.0, validator=_seconds)
    """One statement of the clean-up, in place of `statement_timeout`."""
    idle_timeout: float = field(default=10.0, validator=_seconds)
    """A transaction in which nothing happens: the server rolls it back, and its locks vanish."""
    keepalive: float = field(default=5.0, validator=_seconds)
    """Silence after which TCP asks whether the other side is there, and from one try to the next.
    """
    pool_timeout: float = field(default=10.0, validator=_seconds)
    """Waiting until one of the process's connections is free."""
    pool_size: int = field(default=5, validator=validators.ge(1))
    """Connections that are kept open."""
    max_overflow: int = field(default=20, validator=validators.ge(0))
    """Connections beyond these, at most; closed when they are not needed any more."""
    pool_recycle: float | None = field(default=None, validator=validators.optional(_seconds))
    """Age from which on a connection is replaced before it is used again; None: never."""
    prepare_threshold: int | None = field(default=5, validator=_count)
    """PostgreSQL: how often a session runs a statement until it prepares it; None: never."""
    pooler: bool | None = None
    """PostgreSQL: whether a pooler such as PgBouncer lends sessions for one transaction each.

    None: each new connection finds out.
    """
    tls: bool = False
    """Whether to insist on TLS; True also where anything of it is said below."""
    ca_certs: str | None = None
    """A file (PEM) of certificates to trust; None: those that the system trusts."""
    client_cert: str | None = None
    """A file (PEM) with the certificate to show, where the database asks for one."""
    client_key: str | None = None
    """A file (PEM) with its key; None: it is in the same file."""
    verify_certificates: bool = True
    """Whether the certificate has to be valid, and that of the host in LEDGER_URL."""
    password: PasswordSource | None = field(default=None, repr=False, metadata={SECRET: True})
    """Returns the password for each new connection, in place of the one in LEDGER_URL."""

    @property
    def says_tls(self) -> bool:
        """Whether connections have to use TLS."""
        files = (self.ca_certs, self.client_cert, self.client_key)
        return self.tls or not self.verify_certificates or any(one is not None for one in files)

    def __attrs_post_init__(self) -> None:
        if self.client_key is not None and self.client_cert is None:
            raise ValueError("client_key belongs to a client_cert; give that, too")
        if self.ca_certs is not None and not self.verify_certificates:
            raise ValueError("ca_certs are of no use where verify_certificates is False")
        if self.lock_timeout >= self.statement_timeout:
            raise ValueError("lock_timeout has to be below statement_timeout")
