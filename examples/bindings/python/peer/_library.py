"""The shared library and its functions. What it knows is the ABI: opaque pointers, int32_t for enums, structs that begin with their size."""
from __future__ import annotations

import ctypes
import ctypes.util
import os
from ctypes import (POINTER, Structure, c_bool, c_char_p, c_double, c_int32, c_int64, c_size_t, c_uint16, c_uint32, c_uint64, c_uint8, c_void_p)
from pathlib import Path
from typing import Any, Callable

from .errors import check_code, error_of


def _find() -> str:
    """PEER_LIBRARY names it; else the one that was built beside this package; else the system's."""
    if "PEER_LIBRARY" in os.environ:
        return os.environ["PEER_LIBRARY"]
    for above in Path(__file__).resolve().parents:
        built = above / "build" / "libpeer.so"
        if built.exists():
            return str(built)
    installed = ctypes.util.find_library("peer")
    if installed is None:
        raise ImportError("libpeer is not found: build it (meson setup build && ninja -C build), install it, or name it by PEER_LIBRARY")
    return installed


library = ctypes.CDLL(_find())

# One letter a type: v nothing, p pointer, s text, i int32_t, u uint32_t, h uint16_t, l int64_t, q uint64_t, z size_t, d double, b bool; P is a pointer
# to a pointer that the function sets.
_TYPES: dict[str, Any] = {"v": None, "p": c_void_p, "s": c_char_p, "i": c_int32, "u": c_uint32, "h": c_uint16, "l": c_int64, "q": c_uint64,
                          "z": c_size_t, "d": c_double, "b": c_bool, "P": POINTER(c_void_p)}


def function(name: str, result: str, arguments: str = "") -> Callable[..., Any]:
    """A function of the library, with the types that the letters name."""
    found = getattr(library, name)
    found.restype = _TYPES[result]
    found.argtypes = [_TYPES[letter] for letter in arguments]
    return found


_last_error_message = function("peer_last_error_message", "s")
_last_error_code = function("peer_last_error_code", "i")
_string_free = function("peer_string_free", "v", "p")


def check(code: int) -> int:
    """Raises what a negative result stands for."""
    return check_code(code, lambda: _last_error_message().decode())


def last_error() -> Exception:
    """For functions that fail by returning NULL."""
    return error_of(_last_error_code(), _last_error_message().decode())


def take_string(pointer: int | None) -> str:
    """A text that is ours to free."""
    if not pointer:
        raise last_error()
    try:
        return ctypes.string_at(pointer).decode()
    finally:
        _string_free(pointer)


def text_or_none(value: bytes | None) -> str | None:
    return None if value is None else value.decode()


def encoded(text: str | None) -> bytes | None:
    return None if text is None else text.encode()


def names(function_name: str, count: int) -> tuple[str, ...]:
    """The W3C strings of an enumeration, by value."""
    name_of = function(function_name, "s", "i")
    return tuple(name_of(value).decode() for value in range(count))


def new_pointer(make: Callable[..., int], *arguments: Any) -> int:
    """What a function puts where its last argument points."""
    result = c_void_p()
    check(make(*arguments, ctypes.byref(result)))
    return result.value or 0


class Sized(Structure):
    """A struct that begins with its size, and is filled by an init function."""
    init: str = ""

    @classmethod
    def make(cls, **members: Any) -> Any:
        struct = cls()
        function(cls.init, "v", "pz")(ctypes.byref(struct), ctypes.sizeof(struct))
        for name, value in members.items():
            if value is not None:
                setattr(struct, name, value)
        return struct


def address(struct: Any) -> Any:
    """Where a struct is; it lives as long as this."""
    return ctypes.byref(struct)


class ConfigurationStruct(Sized):
    init = "peer_configuration_init"
    _fields_ = [("size", c_size_t), ("ice_servers", c_void_p), ("ice_server_count", c_size_t), ("certificates", c_void_p),
                ("certificate_count", c_size_t), ("loop", c_void_p), ("port_minimum", c_uint16), ("port_maximum", c_uint16),
                ("loopback_policy", c_int32), ("mtu", c_uint32), ("maximum_message_size", c_uint32), ("ice_transport_policy", c_int32),
                ("ice_tcp_policy", c_int32), ("address_policy", c_int32), ("ice_candidate_pool_size", c_uint32), ("ice_lite", c_int32),
                ("hide_addresses", c_int32), ("port_mapping", c_int32), ("shared_port", c_uint16), ("ca_file", c_char_p),
                ("network_priority", c_int32), ("maximum_candidate_pairs", c_uint32), ("receive_window", c_uint32),
                ("bundle_policy", c_int32), ("rtcp_mux_policy", c_int32)]


class IceServerStruct(Structure):
    _fields_ = [("urls", c_char_p), ("username", c_char_p), ("credential", c_char_p)]


class RtcErrorStruct(Structure):
    _fields_ = [("code", c_int32), ("detail", c_int32), ("sctp_cause_code", c_int32), ("received_alert", c_int32), ("sent_alert", c_int32),
                ("message", c_char_p)]


class CandidateErrorStruct(Structure):
    _fields_ = [("address", c_char_p), ("port", c_uint16), ("url", c_char_p), ("code", c_int32), ("text", c_char_p)]


class TrackEventStruct(Structure):
    _fields_ = [("receiver", c_void_p), ("track", c_void_p), ("streams", POINTER(c_void_p)), ("stream_count", c_size_t), ("transceiver", c_void_p)]


class OfferOptionsStruct(Sized):
    init = "peer_offer_options_init"
    _fields_ = [("size", c_size_t), ("ice_restart", c_int32), ("offer_to_receive_audio", c_int32), ("offer_to_receive_video", c_int32)]


class DataChannelInitStruct(Sized):
    init = "peer_data_channel_init_init"
    _fields_ = [("size", c_size_t), ("ordered", c_int32), ("max_packet_life_time", c_int32), ("max_retransmits", c_int32), ("protocol", c_char_p),
                ("negotiated", c_int32), ("id", c_int32), ("priority", c_int32), ("in_description", c_int32)]


class ConstraintsStruct(Sized):
    init = "peer_media_constraints_init"
    _fields_ = [("size", c_size_t), ("audio", c_int32), ("video", c_int32), ("audio_device", c_char_p), ("video_device", c_char_p), ("width", c_int32),
                ("height", c_int32), ("frame_rate", c_int32), ("sample_rate", c_int32), ("channel_count", c_int32)]


class RtpCodecStruct(Structure):
    _fields_ = [("size", c_size_t), ("mime_type", c_char_p), ("sdp_fmtp_line", c_char_p), ("clock_rate", c_uint32), ("channels", c_uint32),
                ("payload_type", c_int32)]


class RtpHeaderExtensionStruct(Structure):
    _fields_ = [("size", c_size_t), ("uri", c_char_p), ("id", c_int32), ("encrypted", c_int32), ("direction", c_int32)]


class RtpSourceStruct(Structure):
    _fields_ = [("size", c_size_t), ("source", c_uint32), ("rtp_timestamp", c_uint32), ("timestamp_ms", c_double), ("has_audio_level", c_int32),
                ("audio_level", c_double), ("has_capture_timestamp", c_int32), ("capture_timestamp_ms", c_double),
                ("has_sender_capture_time_offset", c_int32), ("sender_capture_time_offset_ms", c_double)]


class RtpEncodingStruct(Sized):
    init = "peer_rtp_encoding_init"
    _fields_ = [("size", c_size_t), ("rid", c_char_p), ("active", c_int32), ("has_max_framerate", c_int32), ("max_framerate", c_double),
                ("max_bitrate_bps", c_uint64), ("has_max_bitrate", c_int32), ("scale_resolution_down_by", c_double), ("scalability_mode", c_char_p),
                ("priority", c_int32), ("network_priority", c_int32), ("codec", POINTER(RtpCodecStruct)), ("adaptive_ptime", c_int32)]


class RtpParametersStruct(Structure):
    _fields_ = [("size", c_size_t), ("transaction_id", c_char_p), ("encodings", POINTER(RtpEncodingStruct)), ("encoding_count", c_size_t),
                ("codecs", POINTER(RtpCodecStruct)), ("codec_count", c_size_t), ("header_extensions", POINTER(RtpHeaderExtensionStruct)),
                ("header_extension_count", c_size_t), ("rtcp_cname", c_char_p), ("rtcp_reduced_size", c_int32), ("degradation_preference", c_int32)]


class RtpCapabilitiesStruct(Structure):
    _fields_ = [("size", c_size_t), ("codecs", POINTER(RtpCodecStruct)), ("codec_count", c_size_t),
                ("header_extensions", POINTER(RtpHeaderExtensionStruct)), ("header_extension_count", c_size_t)]


class TransceiverInitStruct(Sized):
    init = "peer_transceiver_init_init"
    _fields_ = [("size", c_size_t), ("direction", c_int32), ("track", c_void_p), ("streams", POINTER(c_void_p)), ("stream_count", c_size_t),
                ("send_encodings", POINTER(RtpEncodingStruct)), ("send_encoding_count", c_size_t)]


class VideoBufferStruct(Sized):
    init = "peer_video_buffer_init"
    _fields_ = [("size", c_size_t), ("format", c_int32), ("width", c_uint32), ("height", c_uint32), ("rotation", c_int32), ("timestamp_us", c_int64),
                ("planes", POINTER(c_uint8) * 3), ("strides", c_uint32 * 3)]


class AudioBufferStruct(Sized):
    init = "peer_audio_buffer_init"
    _fields_ = [("size", c_size_t), ("format", c_int32), ("sample_rate", c_uint32), ("channels", c_uint32), ("samples_per_channel", c_uint32),
                ("timestamp_us", c_int64), ("data", c_void_p)]
