"""A TCP proxy that cuts its connections after so many bytes: a network that fails in the middle of a load."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator


class CuttingProxy:
    """Forwards to a port of the loopback. It listens on `port`, or a free one.

    Each of the next `cuts` connections is cut after its number of bytes.
    """

    def __init__(self, target: int, cuts: list[int], port: int = 0) -> None:
        self.cuts = cuts
        self.cut = 0
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port = int(self._listener.getsockname()[1])
        self._sockets: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
                self._sockets += [client, server]
                room = [self.cuts.pop(0) if self.cuts else None]
                for one, other in ((client, server), (server, client)):
                    self._threads.append(threading.Thread(target=self._forward, args=(one, other, room)))
                    self._threads[-1].start()

    def _forward(self, one: socket.socket, other: socket.socket, room: list[int | None]) -> None:
        """Both directions of a connection take from the same room."""
        with contextlib.suppress(OSError):
            while data := one.recv(65536):
                if room[0] is not None:
                    room[0] -= len(data)
                    if room[0] < 0:
                        self.cut += 1
                        break
                other.sendall(data)
        for end in (one, other):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for one in self._sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for one in self._sockets:
            one.close()


@contextlib.contextmanager
def cutting(target: int, cuts: list[int]) -> Iterator[CuttingProxy]:
    proxy = CuttingProxy(target, cuts)
    try:
        yield proxy
    finally:
        proxy.close()
