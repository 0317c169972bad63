"""Raw pictures and sound. With numpy installed they become arrays and are made from them; without it they are bytes."""
from __future__ import annotations

import ctypes
from ctypes import POINTER, c_uint8
from typing import TYPE_CHECKING, Any

from ._handles import Handle
from ._library import AudioBufferStruct, VideoBufferStruct, address, function, new_pointer

if TYPE_CHECKING:
    import numpy

_FORMATS = ("i420", "nv12", "rgba")
_SAMPLES = ("s16", "f32")
_SAMPLE_SIZES = (2, 4)

_video_new = function("peer_video_frame_new_copy", "i", "pP")
_video_convert = function("peer_video_frame_convert", "i", "piP")
_video_scale = function("peer_video_frame_scale", "i", "puuP")
_video_plane = function("peer_video_frame_plane", "p", "pu")
_video_stride = function("peer_video_frame_stride", "u", "pu")
_video_numbers = {name: function(f"peer_video_frame_{name}", letter, "p")
                  for name, letter in (("format", "i"), ("width", "u"), ("height", "u"), ("rotation", "i"), ("timestamp_us", "l"))}
_audio_new = function("peer_audio_frame_new_copy", "i", "pP")
_audio_convert = function("peer_audio_frame_convert", "i", "piP")
_audio_data = function("peer_audio_frame_data", "p", "p")
_audio_level = function("peer_audio_frame_level_dbfs", "d", "p")
_audio_numbers = {name: function(f"peer_audio_frame_{name}", letter, "p")
                  for name, letter in (("format", "i"), ("sample_rate", "u"), ("channels", "u"), ("samples_per_channel", "u"), ("timestamp_us", "l"))}


def _plane_sizes(format: str, width: int, height: int) -> list[tuple[int, int]]:
    """Bytes of a row, and rows, of each plane."""
    half_width, half_height = (width + 1) // 2, (height + 1) // 2
    return {"i420": [(width, height), (half_width, half_height), (half_width, half_height)], "nv12": [(width, height), (2 * half_width, half_height)],
            "rgba": [(4 * width, height)]}[format]


class VideoFrame(Handle):
    """A picture. Immutable; made by the library, from planes, or from an array."""
    _type = "video_frame"

    def __init__(self, format: str, width: int, height: int, data: bytes | bytearray | memoryview, *, timestamp_us: int = 0, rotation: int = 0) -> None:
        """`data` holds the planes of "i420", "nv12" or "rgba" one after the other, rows without gaps."""
        sizes = _plane_sizes(format, width, height)
        if len(data) != sum(row * rows for row, rows in sizes):
            raise ValueError(f"a picture of {width}x{height} in {format} has {sum(row * rows for row, rows in sizes)} bytes, not {len(data)}")
        held = (c_uint8 * len(data)).from_buffer_copy(data)
        buffer = VideoBufferStruct.make(format=_FORMATS.index(format), width=width, height=height, rotation=rotation, timestamp_us=timestamp_us)
        at = ctypes.addressof(held)
        for number, (row, rows) in enumerate(sizes):
            buffer.planes[number] = ctypes.cast(at, POINTER(c_uint8))
            buffer.strides[number] = row
            at += row * rows
        self._adopt(new_pointer(_video_new, address(buffer)))

    @classmethod
    def from_ndarray(cls, array: numpy.ndarray, *, timestamp_us: int = 0) -> VideoFrame:
        """From bytes of the shape (height, width, 4), RGBA, or (height, width, 3), RGB."""
        import numpy
        height, width, channels = array.shape
        if channels == 3:
            array = numpy.dstack([array, numpy.full((height, width), 255, numpy.uint8)])
        return cls("rgba", width, height, numpy.ascontiguousarray(array, numpy.uint8).tobytes(), timestamp_us=timestamp_us)

    @property
    def format(self) -> str:
        return _FORMATS[_video_numbers["format"](self._pointer)]

    @property
    def width(self) -> int:
        return _video_numbers["width"](self._pointer)

    @property
    def height(self) -> int:
        return _video_numbers["height"](self._pointer)

    @property
    def rotation(self) -> int:
        """Clockwise degrees to turn it for display."""
        return _video_numbers["rotation"](self._pointer)

    @property
    def timestamp_us(self) -> int:
        return _video_numbers["timestamp_us"](self._pointer)

    def convert(self, format: str) -> VideoFrame:
        return VideoFrame._taking(new_pointer(_video_convert, self._pointer, _FORMATS.index(format)))

    def scale(self, width: int, height: int) -> VideoFrame:
        return VideoFrame._taking(new_pointer(_video_scale, self._pointer, width, height))

    def plane(self, number: int) -> bytes:
        """The bytes of a plane, rows without gaps."""
        row, rows = _plane_sizes(self.format, self.width, self.height)[number]
        start, stride = _video_plane(self._pointer, number), _video_stride(self._pointer, number)
        if stride == row:
            return ctypes.string_at(start, row * rows)
        return b"".join(ctypes.string_at(start + y * stride, row) for y in range(rows))

    def to_bytes(self, format: str = "i420") -> bytes:
        """All planes one after the other."""
        frame = self if self.format == format else self.convert(format)
        return b"".join(frame.plane(number) for number in range(len(_plane_sizes(format, self.width, self.height))))

    def to_ndarray(self, format: str = "rgb") -> numpy.ndarray:
        """(height, width, 3) of "rgb", (height, width, 4) of "rgba", or the luma (height, width) of "gray"."""
        import numpy
        if format == "gray":
            frame = self if self.format == "i420" else self.convert("i420")
            return numpy.frombuffer(frame.plane(0), numpy.uint8).reshape(self.height, self.width)
        array = numpy.frombuffer(self.to_bytes("rgba"), numpy.uint8).reshape(self.height, self.width, 4)
        return array if format == "rgba" else array[:, :, :3]

    def __repr__(self) -> str:
        return f"<VideoFrame {self.width}x{self.height} {self.format}>"


class AudioFrame(Handle):
    """A stretch of sound. Immutable."""
    _type = "audio_frame"

    def __init__(self, data: bytes | bytearray | memoryview, *, sample_rate: int, channels: int = 1, format: str = "s16", timestamp_us: int = 0) -> None:
        """`data`: interleaved samples, "s16" or "f32", in the machine's byte order."""
        size = channels * _SAMPLE_SIZES[_SAMPLES.index(format)]
        if len(data) % size:
            raise ValueError(f"{len(data)} bytes are no whole samples of {size} bytes")
        held = ctypes.create_string_buffer(bytes(data), len(data))
        buffer = AudioBufferStruct.make(format=_SAMPLES.index(format), sample_rate=sample_rate, channels=channels, samples_per_channel=len(data) // size,
                                        timestamp_us=timestamp_us, data=ctypes.addressof(held))
        self._adopt(new_pointer(_audio_new, address(buffer)))

    @classmethod
    def from_ndarray(cls, array: numpy.ndarray, *, sample_rate: int, timestamp_us: int = 0) -> AudioFrame:
        """From int16 or float32 of the shape (samples,) or (samples, channels)."""
        import numpy
        shaped = array.reshape(len(array), -1)
        is_float = numpy.issubdtype(array.dtype, numpy.floating)
        data = numpy.ascontiguousarray(shaped, numpy.float32 if is_float else numpy.int16).tobytes()
        return cls(data, sample_rate=sample_rate, channels=shaped.shape[1], format="f32" if is_float else "s16", timestamp_us=timestamp_us)

    @property
    def format(self) -> str:
        return _SAMPLES[_audio_numbers["format"](self._pointer)]

    @property
    def sample_rate(self) -> int:
        return _audio_numbers["sample_rate"](self._pointer)

    @property
    def channels(self) -> int:
        return _audio_numbers["channels"](self._pointer)

    @property
    def samples_per_channel(self) -> int:
        return _audio_numbers["samples_per_channel"](self._pointer)

    @property
    def timestamp_us(self) -> int:
        return _audio_numbers["timestamp_us"](self._pointer)

    @property
    def duration(self) -> float:
        """Seconds."""
        return self.samples_per_channel / self.sample_rate

    @property
    def level_dbfs(self) -> float:
        return _audio_level(self._pointer)

    def convert(self, format: str) -> AudioFrame:
        return AudioFrame._taking(new_pointer(_audio_convert, self._pointer, _SAMPLES.index(format)))

    def to_bytes(self, format: str = "s16") -> bytes:
        frame = self if self.format == format else self.convert(format)
        return ctypes.string_at(_audio_data(frame._pointer), frame.samples_per_channel * frame.channels * _SAMPLE_SIZES[_SAMPLES.index(format)])

    def to_ndarray(self, format: str = "s16") -> numpy.ndarray:
        """(samples, channels) of int16 or float32."""
        import numpy
        return numpy.frombuffer(self.to_bytes(format), numpy.int16 if format == "s16" else numpy.float32).reshape(-1, self.channels)

    def __repr__(self) -> str:
        return f"<AudioFrame {self.samples_per_channel} samples, {self.sample_rate} Hz, {self.channels} channels>"


Frame = Any  # VideoFrame or AudioFrame, by the kind of the track
