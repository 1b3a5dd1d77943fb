"""What an error of the database says of the transaction, and of the session it ran in."""

from __future__ import annotations

from typing import Final

from sqlalchemy.engine.interfaces import ExceptionContext
from sqlalchemy.exc import DBAPIError

# SQLSTATEs of PostgreSQL, error numbers of MariaDB and MySQL.
_MISSING_TABLE: Final = {"42P01", "42703", 1146, 1054}
_LOCK_TIMEOUT: Final = {"55P03", 1205}
_STATEMENT_TIMEOUT: Final = {"57014", 1969, 3024}
_READ_ONLY: Final = {"25006", 1290, 1792, 1836}
_FORBIDDEN: Final = {"42501", 1044, 1142, 1143, 1227}
_PREPARED_STATEMENT: Final = {"26000", "42P05"}
"""One that the session has forgotten, or has already: a pooler gave it to somebody else."""
_NOT_SUPPORTED: Final = "0A000"
_STALE_PLAN: Final = ("RevalidateCachedQuery", "cached plan must not change")
"""Where PostgreSQL says, and in English how, that a statement's result has other types by now."""
_SESSION_OVER: Final = {
    "57P01",  # ended by an administrator
    "57P02",  # the server crashed
    "57P03",  # the server starts or stops
    "57P05",  # idle for too long
    "25P03",  # a transaction was idle for too long
    "25P04",  # a transaction took too long
    1927,  # killed
    2006,  # gone away
    2013,  # lost during a query
    4031,  # idle for too long
}
_ADVICE: Final = (
    (
        {"53100", 1021, 1114},
        ("disk is full", "no space left", "disk i/o error"),
        "make room on the database's disk, or mend it",
    ),
    (_FORBIDDEN, (), "GRANT it to the user of LEDGER_URL"),
    (
        _READ_ONLY,
        ("readonly database", "unable to open database"),
        "LEDGER_URL has to lead to a database that can be written",
    ),
    (_LOCK_TIMEOUT, ("database is locked",), "somebody else holds locks, and may be frozen"),
)
"""Error codes, words in the message, and what to do."""
_NO_CONNECTION: Final = "08"
"""The class of PostgreSQL's states that are about the connection."""


def is_missing_table(error: BaseException) -> bool:
    """Tell whether a driver's error says that a table or a column of the ledger is missing."""
    if _code(error) in _MISSING_TABLE:
        return True
    message = str(error)
    signs = ("no such table", "no such column", "has no column named")
    return any(sign in message for sign in signs)


def is_statement_timeout(error: DBAPIError) -> bool:
    """Tell whether the server ended a statement that took too long."""
    return _code(error.orig) in _STATEMENT_TIMEOUT


def is_lock_timeout(error: DBAPIError) -> bool:
    """Tell whether others held a lock for longer than it may be waited for."""
    return _code(error.orig) in _LOCK_TIMEOUT or "database is locked" in str(error.orig)


def is_forbidden(error: DBAPIError) -> bool:
    """Tell whether the user that the ledger connects as may not do this."""
    return _code(error.orig) in _FORBIDDEN


def is_lost(error: DBAPIError) -> bool:
    """Tell whether the connection is lost: by itself, not because its session is useless."""
    return error.connection_invalidated and not _is_useless(error.orig)


def is_worth_a_rerun(error: DBAPIError) -> bool:
    """Tell whether the whole transaction may be run again.

    After a deadlock, where others held locks, and in another session where this one is lost or
    useless.
    """
    if error.connection_invalidated or is_lock_timeout(error):
        return True
    message = str(error.orig).lower()
    return any(
        sign in message
        for sign in (
            "database table is locked",
            "deadlock",
            "could not serialize",
            "serialization failure",
        )
    )


def advice(error: DBAPIError) -> str:
    """Return what to do about an error of which that is known, in parentheses; else nothing."""
    message = str(error.orig).lower()
    for codes, signs, words in _ADVICE:
        if _code(error.orig) in codes or any(sign in message for sign in signs):
            return f" ({words})"
    return ""


def throw_away(context: ExceptionContext) -> None:
    """Let the pool drop a session that is over or useless; for the event `handle_error`.

    With one that only reads, all others go: they are on the same server, and the next connection
    may be made to the one that has taken its place.
    """
    error = context.original_exception
    if context.is_disconnect or not (_is_useless(error) or _is_over(error)):
        return
    context.is_disconnect = True
    context.invalidate_pool_on_disconnect = _code(error) not in _PREPARED_STATEMENT


def _is_useless(error: BaseException | None) -> bool:
    return _code(error) in _READ_ONLY | _PREPARED_STATEMENT or _has_stale_plans(error)


def _has_stale_plans(error: BaseException | None) -> bool:
    """Tell whether a migration changed a column of a statement that the session has prepared.

    The session would fail with it for ever, and so would all others that have it.
    """
    if _code(error) != _NOT_SUPPORTED:
        return False
    function, words = _STALE_PLAN
    # Servers speak other languages, too.
    said_by = getattr(getattr(error, "diag", None), "source_function", None)
    return said_by == function or words in str(error)


def _is_over(error: BaseException | None) -> bool:
    code = _code(error)
    return code in _SESSION_OVER or (isinstance(code, str) and code.startswith(_NO_CONNECTION))


def _code(error: BaseException | None) -> str | int | None:
    """Return the SQLSTATE of PostgreSQL, the number of MariaDB or MySQL; None without one."""
    first = error.args[0] if error is not None and error.args else None
    if isinstance(first, int):
        # First: PyMySQL knows a SQLSTATE too, the same for very different errors.
        return first
    state = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
    return state if isinstance(state, str) else None
