"""RTCRtpTransceiver, RTCRtpSender, RTCRtpReceiver and their parameters (W3C WebRTC §5)."""
from __future__ import annotations

import ctypes
from ctypes import POINTER, c_void_p, sizeof
from dataclasses import dataclass, field
from typing import Any, Sequence

from ._handles import Handle
from ._library import (RtpCapabilitiesStruct, RtpCodecStruct, RtpEncodingStruct, RtpHeaderExtensionStruct, RtpParametersStruct, RtpSourceStruct,
                       address, check, encoded, function, names, new_pointer, text_or_none)
from .data_channel import PRIORITIES
from .media import KINDS, MediaStream, MediaStreamTrack
from .stats import StatsReport
from .transports import DtlsTransport

DIRECTIONS = names("peer_direction_name", 5)

_mid = function("peer_transceiver_mid", "s", "p")
_kind = function("peer_transceiver_kind", "i", "p")
_direction = function("peer_transceiver_direction", "i", "p")
_current_direction = function("peer_transceiver_current_direction", "i", "p")
_set_direction = function("peer_transceiver_set_direction", "i", "pi")
_stop = function("peer_transceiver_stop", "i", "p")
_sender = function("peer_transceiver_sender", "p", "p")
_receiver = function("peer_transceiver_receiver", "p", "p")
_set_codec_preferences = function("peer_transceiver_set_codec_preferences", "i", "ppz")
_get_extensions = function("peer_transceiver_get_header_extensions_to_negotiate", "z", "ppz")
_set_extensions = function("peer_transceiver_set_header_extensions_to_negotiate", "i", "ppz")
_negotiated_extensions = function("peer_transceiver_get_negotiated_header_extensions", "z", "ppz")
_synchronization_sources = function("peer_receiver_get_synchronization_sources", "z", "ppz")
_contributing_sources = function("peer_receiver_get_contributing_sources", "z", "ppz")
_sender_track = function("peer_sender_track", "p", "p")
_replace_track = function("peer_sender_replace_track", "i", "pp")
_set_streams = function("peer_sender_set_streams", "i", "ppz")
_sender_transceiver = function("peer_sender_transceiver", "p", "p")
_get_parameters = function("peer_sender_get_parameters", "i", "pP")
_set_parameters = function("peer_sender_set_parameters", "i", "pp")
_receiver_track = function("peer_receiver_track", "p", "p")
_receiver_transceiver = function("peer_receiver_transceiver", "p", "p")
_sender_transport = function("peer_sender_transport", "p", "p")
_receiver_transport = function("peer_receiver_transport", "p", "p")
_sender_get_stats = function("peer_sender_get_stats", "i", "pP")
_receiver_get_stats = function("peer_receiver_get_stats", "i", "pP")
_receiver_get_parameters = function("peer_receiver_get_parameters", "i", "pP")
_request_key_frame = function("peer_receiver_request_key_frame", "i", "p")
_parameters_free = function("peer_rtp_parameters_free", "v", "p")
_sender_get_capabilities = function("peer_sender_get_capabilities", "i", "iP")
_receiver_get_capabilities = function("peer_receiver_get_capabilities", "i", "iP")
_capabilities_free = function("peer_rtp_capabilities_free", "v", "p")


@dataclass
class RtpCodec:
    mime_type: str
    clock_rate: int
    channels: int | None = None
    sdp_fmtp_line: str | None = None
    payload_type: int | None = None

    @classmethod
    def _read(cls, struct: RtpCodecStruct) -> RtpCodec:
        return cls(struct.mime_type.decode(), struct.clock_rate, struct.channels or None, text_or_none(struct.sdp_fmtp_line),
                   None if struct.payload_type < 0 else struct.payload_type)

    def _write(self) -> RtpCodecStruct:
        return RtpCodecStruct(sizeof(RtpCodecStruct), encoded(self.mime_type), encoded(self.sdp_fmtp_line), self.clock_rate, self.channels or 0,
                              -1 if self.payload_type is None else self.payload_type)


@dataclass
class RtpHeaderExtension:
    uri: str
    id: int | None = None
    encrypted: bool = False
    direction: str | None = None
    """In capabilities that in which it is offered, in parameters the negotiated one; "stopped": it is not."""

    @classmethod
    def _read(cls, struct: RtpHeaderExtensionStruct) -> RtpHeaderExtension:
        return cls(struct.uri.decode(), None if struct.id < 0 else struct.id, bool(struct.encrypted), DIRECTIONS[struct.direction])


@dataclass
class RtpSource:
    """RTCRtpContributingSource and RTCRtpSynchronizationSource. Times are in milliseconds: `timestamp` since 1970, `capture_timestamp` since 1900
    on the clock of who captured it."""
    source: int
    rtp_timestamp: int
    timestamp: float
    audio_level: float | None = None
    capture_timestamp: float | None = None
    sender_capture_time_offset: float | None = None

    @classmethod
    def _read(cls, struct: RtpSourceStruct) -> RtpSource:
        return cls(struct.source, struct.rtp_timestamp, struct.timestamp_ms, struct.audio_level if struct.has_audio_level else None,
                   struct.capture_timestamp_ms if struct.has_capture_timestamp else None,
                   struct.sender_capture_time_offset_ms if struct.has_sender_capture_time_offset else None)


@dataclass
class RtpEncoding:
    """RTCRtpEncodingParameters."""
    rid: str | None = None
    active: bool = True
    max_bitrate: int | None = None
    max_framerate: float | None = None
    scale_resolution_down_by: float | None = None
    scalability_mode: str | None = None
    priority: str = "low"
    network_priority: str | None = None
    codec: RtpCodec | None = None

    @classmethod
    def _read(cls, struct: RtpEncodingStruct) -> RtpEncoding:
        return cls(text_or_none(struct.rid), bool(struct.active), struct.max_bitrate_bps if struct.has_max_bitrate else None,
                   struct.max_framerate if struct.has_max_framerate else None, struct.scale_resolution_down_by or None,
                   text_or_none(struct.scalability_mode), PRIORITIES[struct.priority or 2],
                   PRIORITIES[struct.network_priority] if struct.network_priority else None, RtpCodec._read(struct.codec.contents) if struct.codec else None)

    def _write(self, struct: RtpEncodingStruct) -> None:
        struct.rid = encoded(self.rid)
        struct.active = self.active
        struct.has_max_bitrate, struct.max_bitrate_bps = self.max_bitrate is not None, self.max_bitrate or 0
        struct.has_max_framerate, struct.max_framerate = self.max_framerate is not None, self.max_framerate or 0
        struct.scale_resolution_down_by = self.scale_resolution_down_by or 0
        struct.scalability_mode = encoded(self.scalability_mode)
        struct.priority = PRIORITIES.index(self.priority)
        struct.network_priority = PRIORITIES.index(self.network_priority) if self.network_priority is not None else 0
        struct.codec = ctypes.pointer(self.codec._write()) if self.codec is not None else POINTER(RtpCodecStruct)()

    def _make(self) -> RtpEncodingStruct:
        struct = RtpEncodingStruct.make()
        self._write(struct)
        return struct


@dataclass
class RtpParameters:
    """RTCRtpSendParameters and RTCRtpReceiveParameters. What set_parameters() takes are the members of `encodings`."""
    transaction_id: str | None
    encodings: list[RtpEncoding]
    codecs: list[RtpCodec]
    header_extensions: list[RtpHeaderExtension]
    rtcp_cname: str
    rtcp_reduced_size: bool
    _struct: _Parameters | None = field(default=None, repr=False, compare=False)


@dataclass
class RtpCapabilities:
    codecs: list[RtpCodec]
    header_extensions: list[RtpHeaderExtension]


class _Parameters:
    """The library's own copy, freed with this."""

    def __init__(self, pointer: int) -> None:
        self.pointer = pointer
        self.struct = RtpParametersStruct.from_address(pointer)

    def __del__(self) -> None:
        _parameters_free(self.pointer)


def _read_codecs(array: Any, count: int) -> list[RtpCodec]:
    return [RtpCodec._read(array[i]) for i in range(count)]


def _read_extensions(array: Any, count: int) -> list[RtpHeaderExtension]:
    return [RtpHeaderExtension._read(array[i]) for i in range(count)]


def _read_list(struct: Any, get: Any, pointer: Any) -> Any:
    """What a function of the library fills in: the first one's size says how far they are apart."""
    count = get(pointer, None, 0)
    array = (struct * max(1, count))()
    array[0].size = sizeof(struct)
    return array[:min(get(pointer, ctypes.cast(array, c_void_p), count), count)]


def _read_parameters(pointer: int) -> RtpParameters:
    owned = _Parameters(pointer)
    struct = owned.struct
    return RtpParameters(text_or_none(struct.transaction_id), [RtpEncoding._read(struct.encodings[i]) for i in range(struct.encoding_count)],
                         _read_codecs(struct.codecs, struct.codec_count), _read_extensions(struct.header_extensions, struct.header_extension_count),
                         struct.rtcp_cname.decode(), bool(struct.rtcp_reduced_size), owned)


def _read_capabilities(pointer: int) -> RtpCapabilities:
    struct = RtpCapabilitiesStruct.from_address(pointer)
    capabilities = RtpCapabilities(_read_codecs(struct.codecs, struct.codec_count),
                                   _read_extensions(struct.header_extensions, struct.header_extension_count))
    _capabilities_free(pointer)
    return capabilities


def pointers(objects: Sequence[Handle]) -> Any:
    return (c_void_p * len(objects))(*(one._pointer for one in objects))


class RtpSender(Handle):
    _type = "sender"

    @property
    def track(self) -> MediaStreamTrack | None:
        return MediaStreamTrack._taking_or_none(_sender_track(self._pointer))

    @property
    def transceiver(self) -> RtpTransceiver:
        return RtpTransceiver._of(_sender_transceiver(self._pointer))

    @property
    def transport(self) -> DtlsTransport | None:
        """None until it is negotiated."""
        return DtlsTransport._taking_or_none(_sender_transport(self._pointer))

    async def replace_track(self, track: MediaStreamTrack | None) -> None:
        """Sends another track, or none, without negotiation."""
        check(_replace_track(self._pointer, track._pointer if track is not None else None))

    def set_streams(self, *streams: MediaStream) -> None:
        check(_set_streams(self._pointer, pointers(streams), len(streams)))

    def get_parameters(self) -> RtpParameters:
        return _read_parameters(new_pointer(_get_parameters, self._pointer))

    async def set_parameters(self, parameters: RtpParameters) -> None:
        """Takes what get_parameters() gave last, its encodings changed: bitrates, frame rates, scale, active."""
        if parameters._struct is None:
            raise TypeError("these parameters are not from get_parameters()")
        struct = parameters._struct.struct
        given = (RtpEncodingStruct * max(1, len(parameters.encodings)))()
        for encoding, to in zip(parameters.encodings, given):
            to.size = sizeof(RtpEncodingStruct)
            encoding._write(to)
        changed = RtpParametersStruct()
        ctypes.memmove(ctypes.addressof(changed), ctypes.addressof(struct), sizeof(changed))
        changed.encodings = ctypes.cast(given, POINTER(RtpEncodingStruct))
        changed.encoding_count = len(parameters.encodings)
        transaction_id = encoded(parameters.transaction_id)
        changed.transaction_id = transaction_id
        check(_set_parameters(self._pointer, address(changed)))

    async def get_stats(self) -> StatsReport:
        return StatsReport(new_pointer(_sender_get_stats, self._pointer))

    @staticmethod
    def get_capabilities(kind: str) -> RtpCapabilities:
        return _read_capabilities(new_pointer(_sender_get_capabilities, KINDS.index(kind)))


class RtpReceiver(Handle):
    _type = "receiver"

    @property
    def track(self) -> MediaStreamTrack:
        return MediaStreamTrack._taking(_receiver_track(self._pointer))

    @property
    def transceiver(self) -> RtpTransceiver:
        return RtpTransceiver._of(_receiver_transceiver(self._pointer))

    @property
    def transport(self) -> DtlsTransport | None:
        """None until it is negotiated."""
        return DtlsTransport._taking_or_none(_receiver_transport(self._pointer))

    def get_parameters(self) -> RtpParameters:
        return _read_parameters(new_pointer(_receiver_get_parameters, self._pointer))

    def get_synchronization_sources(self) -> list[RtpSource]:
        return [RtpSource._read(one) for one in _read_list(RtpSourceStruct, _synchronization_sources, self._pointer)]

    def get_contributing_sources(self) -> list[RtpSource]:
        return [RtpSource._read(one) for one in _read_list(RtpSourceStruct, _contributing_sources, self._pointer)]

    def request_key_frame(self) -> None:
        check(_request_key_frame(self._pointer))

    async def get_stats(self) -> StatsReport:
        return StatsReport(new_pointer(_receiver_get_stats, self._pointer))

    @staticmethod
    def get_capabilities(kind: str) -> RtpCapabilities:
        return _read_capabilities(new_pointer(_receiver_get_capabilities, KINDS.index(kind)))


class RtpTransceiver(Handle):
    _type = "transceiver"

    @property
    def mid(self) -> str | None:
        return text_or_none(_mid(self._pointer))

    @property
    def kind(self) -> str:
        return KINDS[_kind(self._pointer)]

    @property
    def sender(self) -> RtpSender:
        return RtpSender._taking(_sender(self._pointer))

    @property
    def receiver(self) -> RtpReceiver:
        return RtpReceiver._taking(_receiver(self._pointer))

    @property
    def direction(self) -> str:
        return DIRECTIONS[_direction(self._pointer)]

    @direction.setter
    def direction(self, value: str) -> None:
        if value not in DIRECTIONS:
            raise TypeError(f"{value!r} is none of {', '.join(DIRECTIONS)}")
        check(_set_direction(self._pointer, DIRECTIONS.index(value)))

    @property
    def current_direction(self) -> str | None:
        value = _current_direction(self._pointer)
        return None if value < 0 else DIRECTIONS[value]

    def stop(self) -> None:
        check(_stop(self._pointer))

    def set_codec_preferences(self, codecs: Sequence[RtpCodec]) -> None:
        """In the wanted order, of get_capabilities(); none: back to the default."""
        array = (RtpCodecStruct * max(1, len(codecs)))(*(codec._write() for codec in codecs))
        check(_set_codec_preferences(self._pointer, ctypes.cast(array, c_void_p), len(codecs)))

    def get_header_extensions_to_negotiate(self) -> list[RtpHeaderExtension]:
        return [RtpHeaderExtension._read(one) for one in _read_list(RtpHeaderExtensionStruct, _get_extensions, self._pointer)]

    def set_header_extensions_to_negotiate(self, extensions: Sequence[RtpHeaderExtension]) -> None:
        """What get_header_extensions_to_negotiate() gave, directions changed."""
        array = (RtpHeaderExtensionStruct * max(1, len(extensions)))(*(
            RtpHeaderExtensionStruct(sizeof(RtpHeaderExtensionStruct), encoded(one.uri), -1, 0, DIRECTIONS.index(one.direction or "stopped"))
            for one in extensions))
        check(_set_extensions(self._pointer, ctypes.cast(array, c_void_p), len(extensions)))

    def get_negotiated_header_extensions(self) -> list[RtpHeaderExtension]:
        return [RtpHeaderExtension._read(one) for one in _read_list(RtpHeaderExtensionStruct, _negotiated_extensions, self._pointer)]

    def __repr__(self) -> str:
        return f"<RtpTransceiver {self.kind} mid {self.mid} {self.current_direction or self.direction}>"
