"""RTCDataChannel, with asyncio's ways: `await channel.opened()`, `await channel.drain()`, `async for message in channel`."""
from __future__ import annotations

import asyncio
import ctypes
from ctypes import CFUNCTYPE, POINTER, Structure, c_int32, c_size_t, c_void_p
from typing import Any, AsyncIterator, Union

from ._handles import Handle
from ._library import RtcErrorStruct, address, check, function, names
from .errors import InvalidStateError, RTCError
from .events import EventTarget

STATES = names("peer_data_channel_state_name", 4)
PRIORITIES = ("unset", "very-low", "low", "medium", "high")
Message = Union[str, bytes]

_error_detail_name = function("peer_error_detail_name", "s", "i")
_set_events = function("peer_data_channel_set_events", "v", "ppp")
_label = function("peer_data_channel_label", "s", "p")
_protocol = function("peer_data_channel_protocol", "s", "p")
_numbers = {name: function(f"peer_data_channel_{name}", letter, "p") for name, letter in (
    ("ordered", "i"), ("max_packet_life_time", "i"), ("max_retransmits", "i"), ("negotiated", "i"), ("id", "i"), ("ready_state", "i"), ("priority", "i"),
    ("buffered_amount", "q"), ("buffered_amount_low_threshold", "q"))}
_set_threshold = function("peer_data_channel_set_buffered_amount_low_threshold", "v", "pq")
_send = function("peer_data_channel_send", "i", "pszi")
_set_paused = function("peer_data_channel_set_paused", "v", "pi")
_close = function("peer_data_channel_close", "v", "p")

_Plain = CFUNCTYPE(None, c_void_p, c_void_p)
_Message = CFUNCTYPE(None, c_void_p, c_void_p, c_size_t, c_int32, c_void_p)
_Error = CFUNCTYPE(None, c_void_p, POINTER(RtcErrorStruct), c_void_p)


class _Events(Structure):
    _fields_ = [("on_open", _Plain), ("on_message", _Message), ("on_buffered_amount_low", _Plain), ("on_closing", _Plain), ("on_error", _Error),
                ("on_close", _Plain), ("on_message_part", c_void_p), ("reserved", c_void_p * 3)]


def _told(event: str) -> Any:
    return _Plain(lambda channel, user: DataChannel._of(channel)._told(event))


def _on_message(channel: int, data: int | None, length: int, is_text: int, user: int | None) -> None:
    content = ctypes.string_at(data, length) if data else b""
    DataChannel._of(channel)._told("message", content.decode(errors="replace") if is_text else content)


def rtc_error(error: RtcErrorStruct) -> RTCError:
    at_least_0 = [None if value < 0 else value for value in (error.sctp_cause_code, error.received_alert, error.sent_alert)]
    return RTCError(error.message.decode(), _error_detail_name(error.detail).decode(), *at_least_0)


_events = _Events(on_open=_told("open"), on_message=_Message(_on_message), on_buffered_amount_low=_told("bufferedamountlow"), on_closing=_told("closing"),
                  on_error=_Error(lambda channel, error, user: DataChannel._of(channel)._told("error", rtc_error(error.contents))), on_close=_told("close"))

_QUEUED_MAX = 256  # messages that wait for the program; then the peer waits


class DataChannel(Handle, EventTarget):
    """Events: open, message (str or bytes), bufferedamountlow, closing, error (RTCError), close. Messages wait until somebody takes them: a handler of
    message, or `async for`."""
    _type = "data_channel"

    def _made(self) -> None:
        EventTarget.__init__(self)
        self._queue: asyncio.Queue[Message | None] = asyncio.Queue()
        self._keeper: set[DataChannel] = set()
        _set_events(self._pointer, address(_events), None)

    def _kept_by(self, keeper: set[DataChannel]) -> DataChannel:
        """The connection's: a channel lives until it is closed, whoever holds it."""
        self._keeper = keeper
        if self.ready_state != "closed":
            keeper.add(self)
        return self

    def _told(self, event: str, *arguments: Any) -> None:
        if event == "close":
            self._end()
        if event != "message" or self._handlers.get("message"):
            self._emit(event, *arguments)
            return
        self._queue.put_nowait(arguments[0])
        if self._queue.qsize() >= _QUEUED_MAX:
            _set_paused(self._pointer, 1)

    def _end(self) -> None:
        self._keeper.discard(self)
        self._queue.put_nowait(None)
        self._emit("_ended")

    def _listening(self, event: str) -> None:
        if event == "message" and not self._queue.empty():
            asyncio.get_running_loop().call_soon(self._hand_out)

    def _hand_out(self) -> None:
        while not self._queue.empty() and self._handlers.get("message"):
            message = self._queue.get_nowait()
            if message is None:
                self._queue.put_nowait(None)
                break
            self._emit("message", message)
        if self._queue.empty():
            _set_paused(self._pointer, 0)

    @property
    def label(self) -> str:
        return _label(self._pointer).decode()

    @property
    def protocol(self) -> str:
        return _protocol(self._pointer).decode()

    @property
    def ordered(self) -> bool:
        return bool(_numbers["ordered"](self._pointer))

    def _number_or_none(self, name: str) -> int | None:
        value = _numbers[name](self._pointer)
        return None if value < 0 else value

    @property
    def max_packet_life_time(self) -> int | None:
        """Milliseconds."""
        return self._number_or_none("max_packet_life_time")

    @property
    def max_retransmits(self) -> int | None:
        return self._number_or_none("max_retransmits")

    @property
    def negotiated(self) -> bool:
        return bool(_numbers["negotiated"](self._pointer))

    @property
    def id(self) -> int | None:
        return self._number_or_none("id")

    @property
    def priority(self) -> str:
        return PRIORITIES[_numbers["priority"](self._pointer)]

    @property
    def ready_state(self) -> str:
        return STATES[_numbers["ready_state"](self._pointer)]

    @property
    def buffered_amount(self) -> int:
        return _numbers["buffered_amount"](self._pointer)

    @property
    def buffered_amount_low_threshold(self) -> int:
        return _numbers["buffered_amount_low_threshold"](self._pointer)

    @buffered_amount_low_threshold.setter
    def buffered_amount_low_threshold(self, value: int) -> None:
        _set_threshold(self._pointer, value)

    async def opened(self) -> DataChannel:
        """Waits until it is open."""
        if self.ready_state == "connecting":
            await self._first("open", "_ended")
        if self.ready_state != "open":
            raise InvalidStateError(f"the channel {self.label} is {self.ready_state}")
        return self

    async def closed(self) -> None:
        if self.ready_state != "closed":
            await self._first("_ended")

    def send(self, message: Message | bytearray | memoryview) -> None:
        data = message.encode() if isinstance(message, str) else bytes(message)
        check(_send(self._pointer, data, len(data), isinstance(message, str)))

    async def drain(self) -> None:
        """Waits until bufferedAmount has fallen to its low threshold."""
        while self.ready_state == "open" and self.buffered_amount > self.buffered_amount_low_threshold:
            await self._first("bufferedamountlow", "_ended")

    def close(self) -> None:
        """After what was sent has left."""
        _close(self._pointer)

    async def __aiter__(self) -> AsyncIterator[Message]:
        """Messages that nobody has taken yet, until it is closed."""
        while True:
            message = await self._queue.get()
            if message is None:
                self._queue.put_nowait(None)  # for whoever asks again
                return
            if self._queue.empty():
                _set_paused(self._pointer, 0)
            yield message

    def __repr__(self) -> str:
        return f"<DataChannel {self.label!r} {self.ready_state}>"
