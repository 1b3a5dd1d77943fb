"""The sink `celery`: each attempt sends one task, and the broker's confirm is its outcome."""

from __future__ import annotations

import errno
import time
from collections.abc import Iterator
from typing import Any, Final

from amqp import exceptions as amqp
from celery.exceptions import QueueNotFound
from kombu.exceptions import EncodeError, OperationalError

from asyncevents_celery.applications import Applications, NoApplication, options_of
from asyncevents_celery.config import (
    CeleryConfig,
    CeleryOptions,
    NotNamed,
    Target,
    arguments_of,
)
from asyncevents_celery.links import Link, Links, NotConnected
from asyncevents_core.plugin import BlockingSink, DeliveryRequest, Failure, Outcome

EVENT: Final = "asyncevents-event"
"""The header with the id of the event; the task's own id is that of the delivery."""
LONGEST_TEXT: Final = 300
_NO_ROUTE: Final = 312
_NOT_ALLOWED: Final = 530
_WOULD_BLOCK: Final = frozenset({errno.EAGAIN, errno.EWOULDBLOCK, errno.ETIMEDOUT})


class _Sent:
    """What `send_task` returns instead of a result, which nobody here waits for."""

    ignored: bool = True

    def __init__(self, task_id: str) -> None:
        self.id = task_id


class CelerySink(BlockingSink):
    """Sends tasks. Applications are imported with the first delivery that needs them."""

    def __init__(self, config: CeleryConfig) -> None:
        self._config = config
        self._applications = Applications()
        self._links = Links()

    def deliver(self, request: DeliveryRequest, deadline: float) -> Outcome:
        """See `BlockingSink`."""
        deadline = min(deadline, self._config.timeout)
        until = time.monotonic() + deadline
        target: Target = request.prepared
        try:
            app = self._applications.get(target.where)
            message = _message(app, request, target.task)
            with self._links.using(app, until) as link:
                _send(app, target.task, message, link, until)
        except NoApplication as error:
            # It is mended here, not by the recipient.
            return Outcome.retryable(str(error))
        except NotNamed as error:
            return Outcome.failed(Failure.INVALID, str(error))
        except Exception as error:
            return _outcome_of(error, deadline)
        return Outcome.delivered(f"sent, task {request.delivery_id}")

    def close(self) -> None:
        """See `BlockingSink`."""
        self._links.close()


def _message(app: Any, request: DeliveryRequest, task: str) -> dict[str, Any]:
    """Return what `send_task` takes."""
    positional, named = arguments_of(request)
    options: CeleryOptions = request.options
    trace = () if request.trace_context is None else request.trace_context.attributes
    how = options_of(app, task)
    if options.queue is not None:
        # Else the queue that the task's own options name in another way would win.
        how = {name: one for name, one in how.items() if name not in {"exchange", "routing_key"}}
        how["queue"] = options.queue
    return {
        **how,
        "args": positional,
        "kwargs": named,
        "task_id": str(request.delivery_id),
        "headers": {EVENT: str(request.event_id), **dict(trace)},
    }


def _send(app: Any, task: str, message: dict[str, Any], link: Link, until: float) -> None:
    left = max(0.001, until - time.monotonic())
    confirmed = {"mandatory": True, "confirm_timeout": left} if link.speaks_amqp else {}
    app.send_task(
        task,
        producer=link.producer,
        result_cls=_Sent,
        # Nobody here reads it; with it, each message would also listen for its result.
        ignore_result=True,
        add_to_parent=False,
        # The engine schedules retries.
        retry=False,
        **confirmed,
        **message,
    )


def _outcome_of(error: Exception, deadline: float) -> Outcome:
    """Return what an error means. Raises it where it is none of a broker's, or of Celery's."""
    connecting = isinstance(error, NotConnected)
    causes = list(_causes(error))
    if any(_is_late(one) for one in causes):
        what = "no connection" if connecting else "no confirm of the broker"
        return Outcome.failed(Failure.TIMED_OUT, f"{what} within {deadline:g} s")
    for one in causes:
        failure = _failure(one, connecting=connecting)
        if failure is not None:
            return Outcome.failed(failure, _text(one))
    raise error


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield what caused an error, from the bottom up, and the error itself."""
    if error.__cause__ is not None:
        yield from _causes(error.__cause__)
    yield error


def _is_late(error: BaseException) -> bool:
    # The one of the client for Redis is not Python's.
    if isinstance(error, TimeoutError) or type(error).__name__ == "TimeoutError":
        return True
    if isinstance(error, OSError) and error.errno in _WOULD_BLOCK:
        return True
    return isinstance(error, amqp.RecoverableConnectionError) and "timed out" in str(error)


def _failure(error: BaseException, *, connecting: bool) -> Failure | None:
    if isinstance(error, amqp.MessageNacked):
        return Failure.UNAVAILABLE
    if isinstance(error, amqp.AccessRefused):
        return Failure.CREDENTIALS if connecting else Failure.DENIED
    if isinstance(error, amqp.NotFound | QueueNotFound):
        return Failure.UNKNOWN_TARGET
    if isinstance(error, amqp.ContentTooLarge):
        return Failure.TOO_LARGE
    if isinstance(error, amqp.AMQPError):
        return _of_amqp(error)
    if isinstance(error, EncodeError):
        return Failure.INVALID
    if type(error).__name__ in {"AuthenticationError", "AuthenticationWrongNumberOfArgsError"}:
        return Failure.CREDENTIALS
    if isinstance(error, OSError | OperationalError):
        return Failure.NETWORK
    if type(error).__module__.startswith("redis."):
        return Failure.NETWORK if "Connection" in type(error).__name__ else Failure.UNAVAILABLE
    return None


def _of_amqp(error: amqp.AMQPError) -> Failure:
    if error.reply_code == _NO_ROUTE:
        return Failure.UNKNOWN_TARGET
    text = _text(error)
    if isinstance(error, amqp.PreconditionFailed) and "message size" in text:
        return Failure.TOO_LARGE
    if error.reply_code == _NOT_ALLOWED and "not found" in text:
        return Failure.UNKNOWN_TARGET
    # A queue that was declared in another way is one of these: it is mended here.
    return Failure.UNAVAILABLE


def _text(error: BaseException) -> str:
    """Return the broker's words, or the system's."""
    if isinstance(error, amqp.MessageNacked):
        return "the broker did not take the message (nack): a queue is full, or failed"
    if isinstance(error, amqp.AMQPError) and error.reply_code == _NO_ROUTE:
        return "no queue takes the message: its queue was removed, or its exchange has none bound"
    shown = " ".join(str(error).split()) or type(error).__name__
    return shown if len(shown) <= LONGEST_TEXT else f"{shown[:LONGEST_TEXT]} …"
