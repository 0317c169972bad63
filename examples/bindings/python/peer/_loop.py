"""One manual loop of the library for each asyncio loop: every event comes on its thread."""
from __future__ import annotations

import asyncio
import weakref
from typing import Any

from ._library import check, function, last_error

_new = function("peer_loop_new", "p", "i")
_unref = function("peer_loop_unref", "v", "p")
_fd = function("peer_loop_fd", "i", "p")
_dispatch = function("peer_loop_dispatch", "i", "p")

_MANUAL = 1
_loops: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, NativeLoop] = weakref.WeakKeyDictionary()


class NativeLoop:
    """Watched while any connection is open, so that a program whose connections are closed can end."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = weakref.ref(loop)
        self.pointer = _new(_MANUAL)
        if not self.pointer:
            raise last_error()
        self._descriptor = check(_fd(self.pointer))
        self._users: set[Any] = set()
        weakref.finalize(self, _unref, self.pointer).atexit = False

    def use(self, user: Any) -> None:
        loop = self._loop()
        if not self._users and loop is not None:
            loop.add_reader(self._descriptor, self.dispatch)
        self._users.add(user)

    def release(self, user: Any) -> None:
        loop = self._loop()
        self._users.discard(user)
        if not self._users and loop is not None and not loop.is_closed():
            loop.remove_reader(self._descriptor)

    def dispatch(self) -> None:
        _dispatch(self.pointer)  # refused from inside an event: what is due then comes after it


def native_loop() -> NativeLoop:
    loop = asyncio.get_running_loop()
    found = _loops.get(loop)
    if found is None:
        found = _loops[loop] = NativeLoop(loop)
    return found
