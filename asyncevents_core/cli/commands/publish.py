"""`publish`: one event, or a file of them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import IO, Any, Final

import click
from rich.progress import Progress

from asyncevents_core.cli.app import CliContext, pass_cli
from asyncevents_core.cli.output import interruptible, progress_bar
from asyncevents_core.domain.plain import DuplicateMember, unique_members
from asyncevents_core.engine.publishing.request import PublishRequest
from asyncevents_core.errors import PublishError
from asyncevents_core.showing import shown

BATCH: Final = 500
_KEYS: Final = frozenset({"event_name", "data", "tenant", "event_id"})


@click.command()
@click.argument("name", required=False)
@click.argument("data", metavar="[JSON]", required=False)
@click.option(
    "--file", "path", metavar="FILE.jsonl", help='Lines {"event_name": …, "data": …}; - is stdin.'
)
@click.option("--tenant", help="Limit the event to a tenant's subscriptions.")
@click.option("--event-id", help="Your own id: publishing it again is the same event.")
@pass_cli
def publish(
    context: CliContext,
    name: str | None,
    data: str | None,
    path: str | None,
    tenant: str | None,
    event_id: str | None,
) -> None:
    """Publish one event, or every line of a file.

    NAME is one that `asyncevents events` lists, JSON what is published under it; the id of the
    event is printed. Bad lines of a file are reported by number, the good ones are
    published; the exit code is 1 then. A line may have "tenant" and "event_id" too.

    \b
    Examples:
      asyncevents publish sales.order.created '{"id": 42}'
      asyncevents publish --file events.jsonl
    """
    if path is not None:
        if name is not None or tenant is not None or event_id is not None:
            raise click.UsageError("--file takes everything from its lines")
        _publish_file(context, path)
        return
    if name is None or data is None:
        raise click.UsageError("give NAME and JSON, or --file FILE.jsonl")
    try:
        value = _loaded(data)
    except ValueError as error:
        raise click.BadParameter(f"{shown(data)}: {error}", param_hint="JSON") from error
    made = context.events.publish(name, value, tenant=tenant, event_id=event_id)
    context.events.flush()
    click.echo(str(made))


def _publish_file(context: CliContext, path: str) -> None:
    published = bad = done = 0

    def state() -> str:
        return (
            f"the first {done} lines are done ({published} published, {bad} refused), of the next "
            f"{BATCH} perhaps some; a line with an event_id may be published again"
        )

    with ExitStack() as stack:
        stack.enter_context(interruptible(state))
        try:
            lines = stack.enter_context(_open(path))
        except OSError as error:
            raise click.ClickException(f"{path}: {error.strerror}") from error
        total = None if path == "-" else _count(path)
        progress = stack.enter_context(progress_bar())
        task = progress.add_task("publishing", total=total)
        for batch in _batches(enumerate(lines, start=1)):
            good, refused = _publish_batch(context, batch, progress)
            published += good
            bad += refused
            done += len(batch)
            progress.advance(task, len(batch))
    context.events.flush()
    click.echo(f"{published} published, {bad} refused", err=True)
    if bad:
        sys.exit(1)


def _open(path: str) -> IO[bytes]:
    return open(0, "rb", closefd=False) if path == "-" else open(path, "rb")


def _publish_batch(
    context: CliContext, batch: list[tuple[int, bytes]], progress: Progress
) -> tuple[int, int]:
    requests: list[tuple[int, PublishRequest]] = []
    refused = 0
    for number, line in batch:
        if not line.strip():
            continue
        try:
            requests.append((number, _request(line)))
        except (ValueError, TypeError) as error:
            refused += 1
            progress.console.print(f"line {number}: {error}", markup=False)
    try:
        context.events.publish_many([request for _, request in requests])
    except PublishError:
        # One of them is refused, and with it the batch: find out which, one at a time.
        good = 0
        for number, request in requests:
            try:
                context.events.publish_many([request])
            except PublishError as error:
                refused += 1
                progress.console.print(f"line {number}: {error}", markup=False)
            else:
                good += 1
        return good, refused
    return len(requests), refused


def _request(line: bytes) -> PublishRequest:
    value = _loaded(line.decode("utf-8"))
    if not isinstance(value, dict) or not isinstance(value.get("event_name"), str):
        raise TypeError('expected an object with "event_name" and "data"')
    if "data" not in value:
        raise TypeError('"data" is missing')
    if unknown := sorted(set(value) - _KEYS):
        raise TypeError(f"unknown keys: {', '.join(unknown)}")
    return PublishRequest(
        name=value["event_name"],
        data=value["data"],
        tenant=_text(value, "tenant"),
        event_id=_text(value, "event_id"),
    )


def _loaded(text: str) -> Any:
    """Read JSON. Raises ValueError, also where an object has a name twice."""
    try:
        return json.loads(text, object_pairs_hook=unique_members)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except (json.JSONDecodeError, DuplicateMember):
        raise
    except ValueError:
        raise ValueError("it has a number of too many digits") from None


def _text(value: dict[str, Any], key: str) -> str | None:
    found = value.get(key)
    if found is not None and not isinstance(found, str):
        raise TypeError(f'"{key}" must be a text')
    return found


def _batches(lines: Iterable[tuple[int, bytes]]) -> Iterator[list[tuple[int, bytes]]]:
    batch: list[tuple[int, bytes]] = []
    for line in lines:
        batch.append(line)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _count(path: str) -> int:
    with open(path, "rb") as lines:
        return sum(1 for _ in lines)
