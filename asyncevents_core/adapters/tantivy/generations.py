"""The folder of an index: generations, one of which serves, and the file that says which.

::

    asyncevents-index/
        state.json          {"layout": 1, "serving": "g-6f…", "next": null, "cursor": null}
        g-6f…/              tantivy's files

`state.json` is replaced as a whole, so every process sees one state or the other.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import threading
from pathlib import Path
from typing import Final
from uuid import uuid4

import tantivy
from attrs import asdict, evolve, field, frozen
from attrs.validators import instance_of, matches_re, optional

from asyncevents_core.adapters.private_files import make_folder
from asyncevents_core.adapters.tantivy.documents import LAYOUT, make_schema, register_tokenizer
from asyncevents_core.errors import IndexUnavailable

_STATE: Final = "state.json"
_PREFIX: Final = "g-"
_ANEW: Final = "`asyncevents reindex` makes the index anew"


_NAME: Final = matches_re(rf"{_PREFIX}[\w-]+")
_NAME_IF_ANY: Final = optional(_NAME)


@frozen(kw_only=True)
class State:
    """What `state.json` says: the generation that serves, and the one being built."""

    serving: str = field(validator=_NAME)
    next: str | None = field(default=None, validator=_NAME_IF_ANY)
    cursor: int | None = field(default=None, validator=optional(instance_of(int)))
    layout: int = LAYOUT


def unreadable(path: Path, error: Exception) -> IndexUnavailable:
    """Return the error for a generation that cannot be read, which says what to do."""
    if path.exists() and not os.access(path, os.W_OK):
        what = "who searches has to be able to write to it, too: tantivy locks what it reads"
    else:
        what = f"if files are missing or damaged, {_ANEW}"
    return IndexUnavailable(f"{path}: cannot be read ({error}); {what}")


class Generation:
    """One tantivy index. Reading is thread-safe; writing is for one thread."""

    def __init__(self, path: Path, *, make: bool) -> None:
        self.path = path
        self.schema = make_schema()
        if make:
            make_folder(path.parent)
            make_folder(path)
            self._index = tantivy.Index(self.schema, str(path))
        else:
            self._index = tantivy.Index.open(str(path))
        register_tokenizer(self._index)
        self._index.config_reader("manual")
        self._writer: tantivy.IndexWriter | None = None
        self._lock = threading.Lock()

    def searcher(self) -> tantivy.Searcher:
        """Return a view of all that is committed, by whichever process.

        Raises `IndexUnavailable` where its files are gone.
        """
        with self._lock:
            try:
                self._index.reload()
                return self._index.searcher()
            except (OSError, ValueError) as error:
                raise unreadable(self.path, error) from error

    def writer(self, memory_mb: int) -> tantivy.IndexWriter:
        """Return the writer. Raises `IndexUnavailable` while another process has it."""
        if self._writer is None:
            try:
                self._writer = self._index.writer(heap_size=memory_mb * 1_000_000, num_threads=1)
            except ValueError as error:
                raise IndexUnavailable(
                    f"{self.path}: cannot be written ({error}). One process at a time writes to "
                    "it: is a second worker or a reindex running?"
                ) from error
        return self._writer

    def forget_writer(self) -> None:
        """Give the writer up, with what is not committed: after an error, or to close."""
        self._writer = None


class Folder:
    """The folder of an index. Raises `IndexUnavailable` for what cannot be read or written."""

    def __init__(self, path: str) -> None:
        self.path = Path(path).absolute()

    def read(self) -> State | None:
        """Return the state; None where there is no index yet."""
        try:
            text = (self.path / _STATE).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise IndexUnavailable(f"{self.path}: cannot be read: {error}") from error
        try:
            state = State(**json.loads(text))
        except (ValueError, TypeError) as error:
            raise IndexUnavailable(f"{self.path}: {_STATE} is damaged. {_ANEW}") from error
        if state.layout != LAYOUT:
            raise IndexUnavailable(
                f"{self.path}: made by another version of asyncevents (layout {state.layout}, not "
                f"{LAYOUT}). {_ANEW}"
            )
        return state

    def write(self, state: State) -> None:
        """Replace the state, durably."""
        new = self.path / f"{_STATE}.new"
        try:
            with new.open("wb") as file:
                file.write(json.dumps(asdict(state)).encode())
                file.flush()
                os.fsync(file.fileno())
            new.replace(self.path / _STATE)
            self._sync()
        except OSError as error:
            raise IndexUnavailable(f"{self.path}: cannot be written: {error}") from error

    def mend(self) -> State:
        """Return a state whose generations open: the one that serves is empty if it was damaged.

        A damaged one that was being built is given up.
        """
        try:
            found = state = self.start()
        except IndexUnavailable:
            found, state = None, State(serving=self.make())
        if not self._opens(state.serving):
            state = evolve(state, serving=self.make())
        if state.next is not None and not self._opens(state.next):
            state = evolve(state, next=None, cursor=None)
        if state != found:
            self.write(state)
        return state

    def _opens(self, name: str) -> bool:
        try:
            self.open(name)
        except IndexUnavailable:
            return False
        return True

    def start(self) -> State:
        """Return the state; make the folder and a first, empty generation if there is none."""
        state = self.read()
        if state is None:
            state = State(serving=self.make())
            self.write(state)
        return state

    def make(self) -> str:
        """Make an empty generation and return its name."""
        name = f"{_PREFIX}{uuid4().hex[:12]}"
        try:
            Generation(self.path / name, make=True)
        except (OSError, ValueError) as error:
            raise IndexUnavailable(f"{self.path}: cannot be written: {error}") from error
        return name

    def open(self, name: str) -> Generation:
        """Open a generation."""
        try:
            return Generation(self.path / name, make=False)
        except (OSError, ValueError) as error:
            raise unreadable(self.path / name, error) from error

    def tidy(self, state: State) -> None:
        """Remove generations that nobody needs any more: what a kill left behind."""
        for path in self.path.glob(f"{_PREFIX}*"):
            if path.name not in {state.serving, state.next}:
                shutil.rmtree(path, ignore_errors=True)

    def _sync(self) -> None:
        # Where folders cannot be opened, renaming is durable by itself.
        with contextlib.suppress(PermissionError):
            folder = os.open(self.path, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)


class Generations:
    """The generations that this process has open, kept in step with the folder."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self._open: dict[str, Generation] = {}
        self._lock = threading.Lock()

    def serving(self) -> tuple[Generation, tantivy.Searcher] | None:
        """Return the generation that serves and a view of it; None where nothing was indexed."""
        with self._lock:
            state = self.folder.read()
            if state is None:
                return None
            try:
                return self._view(state.serving)
            except IndexUnavailable:
                # Another process may have switched over and removed it since.
                again = self.folder.read()
                if again is None or again == state:
                    raise
                return self._view(again.serving)

    def writable(self) -> tuple[Generation, Generation | None]:
        """Return the generation that serves, and the one being built."""
        with self._lock:
            state = self.folder.start()
            following = None if state.next is None else self._get(state.next)
            return self._get(state.serving), following

    def begin(self) -> None:
        """Begin a generation, unless there is one. What is damaged is given up."""
        with self._lock:
            state = self.folder.mend()
            if state.next is None:
                self.folder.tidy(state)
                self.folder.write(evolve(state, next=self.folder.make(), cursor=None))

    def remember(self, cursor: int) -> None:
        """Keep the cursor of the generation being built."""
        with self._lock:
            self.folder.write(evolve(self.folder.start(), cursor=cursor))

    def end(self, *, keep: bool) -> None:
        """Let the new generation serve, or with `keep` the old one; remove the other."""
        with self._lock:
            state = self.folder.start()
            if state.next is None:
                return
            state = State(serving=state.serving if keep else state.next)
            self.folder.write(state)
            for name in set(self._open) - {state.serving}:
                self._open.pop(name).forget_writer()
            self.folder.tidy(state)

    def close(self) -> None:
        """Forget all of them."""
        with self._lock:
            for generation in self._open.values():
                generation.forget_writer()
            self._open.clear()

    def _view(self, name: str) -> tuple[Generation, tantivy.Searcher]:
        generation = self._get(name)
        try:
            return generation, generation.searcher()
        except IndexUnavailable:
            # Its files may be put back: then it is opened anew.
            self._open.pop(name).forget_writer()
            raise

    def _get(self, name: str) -> Generation:
        found = self._open.get(name)
        if found is None:
            found = self._open[name] = self.folder.open(name)
            # One that was replaced by another process is of no use any more.
            self._open = {one: self._open[one] for one in list(self._open)[-2:]}
        return found
