"""MediaStreamTrack, MediaStream, getUserMedia (W3C Media Capture and Streams)."""
from __future__ import annotations

import asyncio
import weakref
from ctypes import CFUNCTYPE, c_size_t, c_void_p
from typing import AsyncIterator, Callable, Iterator

from ._handles import Handle
from ._library import ConstraintsStruct, Sized, address, check, encoded, function, last_error, names, new_pointer
from .events import EventTarget
from .frames import AudioFrame, Frame, VideoFrame

KINDS = names("peer_media_kind_name", 2)

_track_new = function("peer_track_new", "i", "isP")
_track_kind = function("peer_track_kind", "i", "p")
_track_id = function("peer_track_id", "s", "p")
_track_label = function("peer_track_label", "s", "p")
_track_enabled = function("peer_track_enabled", "i", "p")
_track_set_enabled = function("peer_track_set_enabled", "v", "pi")
_track_muted = function("peer_track_muted", "i", "p")
_track_ready_state = function("peer_track_ready_state", "i", "p")
_track_stop = function("peer_track_stop", "v", "p")
_write_video = function("peer_track_write_video", "i", "pp")
_write_audio = function("peer_track_write_audio", "i", "pp")
_add_sink = function("peer_track_add_sink", "i", "ppp")
_remove_sink = function("peer_track_remove_sink", "v", "pp")
_stream_new = function("peer_stream_new", "p")
_stream_id = function("peer_stream_id", "s", "p")
_stream_add_track = function("peer_stream_add_track", "i", "pp")
_stream_remove_track = function("peer_stream_remove_track", "v", "pp")
_stream_track_count = function("peer_stream_track_count", "z", "p")
_stream_track = function("peer_stream_track", "p", "pz")
_get_user_media = function("peer_get_user_media", "i", "pP")

_FrameCallback = CFUNCTYPE(None, c_void_p, c_void_p, c_void_p)
_StateCallback = CFUNCTYPE(None, c_void_p, c_void_p)


class _SinkStruct(Sized):
    init = "peer_track_sink_init"
    _fields_ = [("size", c_size_t), ("on_video_frame", _FrameCallback), ("on_audio_frame", _FrameCallback), ("on_encoded_frame", c_void_p), ("on_rtp", c_void_p),
                ("on_mute", _StateCallback), ("on_unmute", _StateCallback), ("on_ended", _StateCallback), ("on_key_frame_request", _StateCallback)]


class _Listener:
    """A sink of a track. Media of a local track come on its source's thread: everything is brought to asyncio's."""
    _numbers = iter(range(1, 1 << 62))
    _known: dict[int, _Listener] = {}

    def __init__(self, track: MediaStreamTrack, struct: _SinkStruct, take: weakref.WeakMethod[Callable[[str, Frame | None], None]]) -> None:
        self.loop = asyncio.get_running_loop()
        self.take = take
        self.number = next(self._numbers)
        self._known[self.number] = self
        check(_add_sink(track._pointer, address(struct), self.number))
        self.finalizer = weakref.finalize(track, _forget, track._pointer, self.number)
        self.finalizer.atexit = False

    def end(self) -> None:
        self.finalizer()

    @classmethod
    def deliver(cls, number: int, what: str, frame: object = None) -> None:
        listener = cls._known.get(number)
        if listener is None or listener.loop.is_closed():
            return
        listener.loop.call_soon_threadsafe(listener._arrive, what, frame)

    def _arrive(self, what: str, frame: object) -> None:
        take = self.take()
        if take is not None:
            take(what, frame)


def _forget(pointer: int, number: int) -> None:
    _Listener._known.pop(number, None)
    _remove_sink(pointer, number)


_on_video = _FrameCallback(lambda track, frame, user: _Listener.deliver(user, "frame", VideoFrame._of(frame)))
_on_audio = _FrameCallback(lambda track, frame, user: _Listener.deliver(user, "frame", AudioFrame._of(frame)))
_on_mute = _StateCallback(lambda track, user: _Listener.deliver(user, "mute"))
_on_unmute = _StateCallback(lambda track, user: _Listener.deliver(user, "unmute"))
_on_ended = _StateCallback(lambda track, user: _Listener.deliver(user, "ended"))


class MediaStreamTrack(Handle, EventTarget):
    """Events: mute, unmute, ended. `async for frame in track.frames()` gives its media, decoded for a remote track; `write()` feeds a local one."""
    _type = "track"

    def __init__(self, kind: str, label: str = "") -> None:
        """A local track whose media are written by write(). A track of microphone, camera or file comes from get_user_media()."""
        self._adopt(new_pointer(_track_new, KINDS.index(kind), encoded(label)))
        self._made()

    def _made(self) -> None:
        EventTarget.__init__(self)
        self._states: _Listener | None = None
        self._frames: _Listener | None = None
        self._queues: list[asyncio.Queue[Frame | None]] = []

    def _listening(self, event: str) -> None:
        if self._states is None:
            self._states = _Listener(self, _SinkStruct.make(on_mute=_on_mute, on_unmute=_on_unmute, on_ended=_on_ended), weakref.WeakMethod(self._take))

    def _take(self, what: str, frame: Frame | None) -> None:
        if what == "frame":
            for queue in self._queues:
                if queue.full():
                    queue.get_nowait()  # who is late gets the newest
                queue.put_nowait(frame)
            return
        if what == "ended":
            for queue in self._queues:
                if queue.full():
                    queue.get_nowait()
                queue.put_nowait(None)
        self._emit(what)

    @property
    def kind(self) -> str:
        return KINDS[_track_kind(self._pointer)]

    @property
    def id(self) -> str:
        return _track_id(self._pointer).decode()

    @property
    def label(self) -> str:
        return _track_label(self._pointer).decode()

    @property
    def enabled(self) -> bool:
        """A local track that is not enabled sends silence or black."""
        return bool(_track_enabled(self._pointer))

    @enabled.setter
    def enabled(self, value: bool) -> None:
        _track_set_enabled(self._pointer, value)

    @property
    def muted(self) -> bool:
        return bool(_track_muted(self._pointer))

    @property
    def ready_state(self) -> str:
        return "ended" if _track_ready_state(self._pointer) else "live"

    def stop(self) -> None:
        _track_stop(self._pointer)

    def write(self, frame: VideoFrame | AudioFrame) -> None:
        """Gives a local track its next picture, or stretch of sound."""
        check((_write_video if isinstance(frame, VideoFrame) else _write_audio)(self._pointer, frame._pointer))

    async def frames(self, depth: int = 8) -> AsyncIterator[Frame]:
        """Its media until it ends; when the program is late the oldest of `depth` is left out."""
        queue: asyncio.Queue[Frame | None] = asyncio.Queue(depth)
        self.on("ended", _nothing)  # so that the end is told
        if self._frames is None:
            sink = _SinkStruct.make(on_video_frame=_on_video) if self.kind == "video" else _SinkStruct.make(on_audio_frame=_on_audio)
            self._frames = _Listener(self, sink, weakref.WeakMethod(self._take))
        self._queues.append(queue)
        try:
            while self.ready_state == "live" or not queue.empty():
                frame = await queue.get()
                if frame is None:
                    return
                yield frame
        finally:
            self.off("ended", _nothing)
            self._queues.remove(queue)
            if not self._queues and self._frames is not None:
                self._frames.end()
                self._frames = None

    def __repr__(self) -> str:
        return f"<MediaStreamTrack {self.kind} {self.id} {self.ready_state}>"


def _nothing() -> None:
    pass


class MediaStream(Handle):
    """A named set of tracks."""
    _type = "stream"

    def __init__(self, tracks: list[MediaStreamTrack] | tuple[MediaStreamTrack, ...] = ()) -> None:
        pointer = _stream_new()
        if not pointer:
            raise last_error()
        self._adopt(pointer)
        for track in tracks:
            self.add_track(track)

    @property
    def id(self) -> str:
        return _stream_id(self._pointer).decode()

    @property
    def tracks(self) -> list[MediaStreamTrack]:
        return [MediaStreamTrack._of(_stream_track(self._pointer, index)) for index in range(_stream_track_count(self._pointer))]

    def add_track(self, track: MediaStreamTrack) -> None:
        check(_stream_add_track(self._pointer, track._pointer))

    def remove_track(self, track: MediaStreamTrack) -> None:
        _stream_remove_track(self._pointer, track._pointer)

    def __iter__(self) -> Iterator[MediaStreamTrack]:
        return iter(self.tracks)

    def __repr__(self) -> str:
        return f"<MediaStream {self.id} of {len(self.tracks)} tracks>"


async def get_user_media(*, audio: bool | str = False, video: bool | str = False, width: int | None = None, height: int | None = None,
                         frame_rate: int | None = None, sample_rate: int | None = None, channel_count: int | None = None) -> MediaStream:
    """A stream with a track of each kind wanted: True is the test source, a text is a device ("test") or a file (.wav; .y4m, .ivf)."""
    constraints = ConstraintsStruct.make(audio=bool(audio), video=bool(video), audio_device=encoded(audio) if isinstance(audio, str) else None,
                                         video_device=encoded(video) if isinstance(video, str) else None, width=width, height=height,
                                         frame_rate=frame_rate, sample_rate=sample_rate, channel_count=channel_count)
    return MediaStream._taking(new_pointer(_get_user_media, address(constraints)))
