"""The pattern of perfect negotiation (W3C WebRTC §10.7): any message channel becomes a call's signaling."""
from __future__ import annotations

import weakref
from ctypes import CFUNCTYPE, Structure, c_char_p, c_int32, c_void_p
from typing import Callable

from ._library import address, check, function, last_error
from .connection import PeerConnection
from .errors import PeerError, error_of
from .events import EventTarget

_new = function("peer_negotiator_new", "p", "pipp")
_unref = function("peer_negotiator_unref", "v", "p")
_receive = function("peer_negotiator_receive", "i", "psz")
_set_restarts_ice = function("peer_negotiator_set_restarts_ice", "v", "pi")

_Send = CFUNCTYPE(None, c_void_p, c_char_p, c_void_p)
_Error = CFUNCTYPE(None, c_void_p, c_int32, c_char_p, c_void_p)


class _Events(Structure):
    _fields_ = [("send", _Send), ("on_error", _Error)]


_known: weakref.WeakValueDictionary[int, Negotiator] = weakref.WeakValueDictionary()


def _on_send(negotiator: int, json: bytes, user: int) -> None:
    found = _known.get(user)
    if found is not None:
        found._send(json.decode())


def _on_error(negotiator: int, code: int, message: bytes, user: int) -> None:
    found = _known.get(user)
    if found is not None:
        found._emit("error", error_of(code, message.decode()))


_events = _Events(send=_Send(_on_send), on_error=_Error(_on_error))


class Negotiator(EventTarget):
    """`send(json)` brings a text to the other side, which gives it to receive(). Polite is exactly one of the two. Event: error (PeerError)."""
    _numbers = iter(range(1, 1 << 62))

    def __init__(self, pc: PeerConnection, polite: bool, send: Callable[[str], object]) -> None:
        super().__init__()
        number = next(self._numbers)
        self._send = send
        self._pc = pc
        _known[number] = self
        pointer = _new(pc._pointer, polite, address(_events), number)
        if not pointer:
            raise last_error()
        self._pointer = pointer
        weakref.finalize(self, _unref, pointer).atexit = False

    def receive(self, json: str | bytes) -> None:
        data = json.encode() if isinstance(json, str) else json
        check(_receive(self._pointer, data, len(data)))

    def set_restarts_ice(self, restarts: bool) -> None:
        """Whether it restarts ICE by itself; it does from the start."""
        _set_restarts_ice(self._pointer, restarts)


__all__ = ["Negotiator", "PeerError"]
