"""Counted objects of the library, each with one Python object that stands for it."""
from __future__ import annotations

import weakref
from typing import Any, Callable, TypeVar

from ._library import function

Self = TypeVar("Self", bound="Handle")


class Handle:
    """Holds a reference on an object of the library and gives it back when nobody holds this."""
    _type = ""  # "track": peer_track_ref(), peer_track_unref()
    _known: weakref.WeakValueDictionary[int, Any]
    _ref: Callable[[int | None], int | None]
    _unref: Callable[[int | None], None]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "_type" in cls.__dict__:
            cls._ref = staticmethod(function(f"peer_{cls._type}_ref", "p", "p"))
            cls._unref = staticmethod(function(f"peer_{cls._type}_unref", "v", "p"))
            cls._known = weakref.WeakValueDictionary()

    def _adopt(self, pointer: int) -> None:
        self._pointer = pointer
        self._known[pointer] = self
        weakref.finalize(self, self._unref, pointer).atexit = False

    @classmethod
    def _of(cls: type[Self], pointer: int | None) -> Self:
        """The object for a pointer that is only lent."""
        return cls._taking(cls._ref(pointer))

    @classmethod
    def _taking(cls: type[Self], pointer: int | None) -> Self:
        """The object for a pointer whose reference is given to us."""
        if not pointer:
            raise ValueError("no object")
        known = cls._known.get(pointer)
        if known is not None:
            cls._unref(pointer)
            return known
        made = cls.__new__(cls)
        made._adopt(pointer)
        made._made()
        return made

    @classmethod
    def _taking_or_none(cls: type[Self], pointer: int | None) -> Self | None:
        return cls._taking(pointer) if pointer else None

    def _made(self) -> None:
        """Called once for an object that stands for one the library made."""
