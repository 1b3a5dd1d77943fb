"""A TCP proxy on the loopback that can fall silent, cut connections, and lead elsewhere."""

from __future__ import annotations

import contextlib
import ctypes
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from attrs import field, frozen

_CHUNK = 65_536
_LIBC = ctypes.CDLL(None)

Direction = Literal["to_server", "to_client"]


@frozen
class _Gates:
    """What passes in each direction, for the connections that were made under them."""

    to_server: threading.Event = field(factory=threading.Event)
    to_client: threading.Event = field(factory=threading.Event)

    def open(self) -> None:
        self.to_server.set()
        self.to_client.set()


class _Route:
    """One connection through the proxy: two sockets, and a thread for each direction."""

    def __init__(self, client: socket.socket, server: socket.socket, gates: _Gates) -> None:
        self._ends = (client, server)
        self._gates = gates
        self._is_reset = False
        self._pumps = [
            threading.Thread(target=self._pump, args=arguments, daemon=True)
            for arguments in (
                (client, server, gates.to_server),
                (server, client, gates.to_client),
            )
        ]

    def start(self) -> None:
        for one in self._pumps:
            one.start()

    @property
    def ended(self) -> bool:
        return not any(one.is_alive() for one in self._pumps)

    def reset(self) -> None:
        """End both by RST: to connect to no address is how a socket is disconnected at once."""
        # Before: a thread that wakes up at the first end would send FIN to the other.
        self._is_reset = True
        for one in self._ends:
            _LIBC.connect(one.fileno(), b"\0" * 16, 16)

    def close(self) -> None:
        """End both; from then on nothing is waited for."""
        self._shut_down()
        self._gates.open()
        for pump in self._pumps:
            pump.join()
        self.forget()

    def forget(self) -> None:
        """Close the sockets of a route that has ended."""
        for one in self._ends:
            one.close()

    def _shut_down(self) -> None:
        for one in self._ends:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _pump(self, source: socket.socket, target: socket.socket, gate: threading.Event) -> None:
        try:
            while data := source.recv(_CHUNK):
                gate.wait()
                target.sendall(data)
            gate.wait()
            if not self._is_reset:
                target.shutdown(socket.SHUT_WR)
        except OSError:
            # One side has ended it by force: so the other gets to know, unless nothing passes.
            gate.wait()
            if not self._is_reset:
                self._shut_down()


class Proxy:
    """Forwards to a port of 127.0.0.1. While it is hushed it accepts, but forwards nothing.

    What was sent meanwhile passes when it speaks again, as after a network that was cut.
    """

    def __init__(self, upstream: int) -> None:
        self.upstream = upstream
        """Where new connections lead; those that are open stay where they are."""
        self._gates = _Gates()
        self._gates.open()
        self._lock = threading.Lock()
        self._routes: list[_Route] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def hush(self, *directions: Direction) -> None:
        """Let nothing pass in these directions; without any, in both."""
        for one in directions or ("to_server", "to_client"):
            getattr(self._gates, one).clear()

    def speak(self) -> None:
        self._gates.open()

    def cut(self) -> None:
        """Let nothing pass any more on the connections that are open, without a word to either.

        New ones work: as behind a router that has forgotten what it forwards.
        """
        with self._lock:
            self.hush()
            self._gates = _Gates()
            self._gates.open()

    def reset(self) -> None:
        """End the connections that are open by RST; new ones work."""
        with self._lock:
            for one in self._routes:
                one.reset()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        with self._lock:
            ended, self._routes = self._routes, []
        for one in ended:
            one.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                try:
                    server = socket.create_connection(("127.0.0.1", self.upstream))
                except OSError:
                    # Nobody listens there at the moment.
                    client.close()
                    continue
                with self._lock:
                    self._forget_the_ended()
                    self._routes.append(_Route(client, server, self._gates))
                    self._routes[-1].start()

    def _forget_the_ended(self) -> None:
        ended = [one for one in self._routes if one.ended]
        self._routes = [one for one in self._routes if one not in ended]
        for one in ended:
            one.forget()


@contextmanager
def before(upstream: int) -> Iterator[Proxy]:
    """Return a proxy before this port until the block ends."""
    proxy = Proxy(upstream)
    try:
        yield proxy
    finally:
        proxy.close()
