"""RTCPeerConnection."""
from __future__ import annotations

import asyncio
import ctypes
from ctypes import CFUNCTYPE, POINTER, Structure, c_int32, c_size_t, c_void_p
from dataclasses import dataclass
from typing import Any, Callable, Sequence, TypeVar

from ._handles import Handle
from ._library import (CandidateErrorStruct, ConfigurationStruct, DataChannelInitStruct, IceServerStruct, OfferOptionsStruct, RtcErrorStruct, RtpEncodingStruct,
                       TrackEventStruct, TransceiverInitStruct, address, check, encoded, function, last_error, names, new_pointer, text_or_none)
from ._loop import NativeLoop, native_loop
from .certificate import Certificate
from .data_channel import PRIORITIES, DataChannel, rtc_error
from .description import IceCandidate, SessionDescription
from .errors import InvalidStateError
from .events import EventTarget
from .media import KINDS, MediaStream, MediaStreamTrack
from .rtp import DIRECTIONS, RtpEncoding, RtpReceiver, RtpSender, RtpTransceiver, pointers
from .stats import StatsReport
from .transports import SctpTransport

_SIGNALING_STATES = names("peer_signaling_state_name", 6)
_GATHERING_STATES = names("peer_ice_gathering_state_name", 3)
_ICE_STATES = names("peer_ice_connection_state_name", 7)
_STATES = names("peer_connection_state_name", 6)

_new = function("peer_connection_new", "p", "ppp")
_unref = function("peer_connection_unref", "v", "p")
_close = function("peer_connection_close", "v", "p")
_create_offer = function("peer_connection_create_offer", "i", "ppP")
_create_answer = function("peer_connection_create_answer", "i", "pP")
_set_local = function("peer_connection_set_local_description", "i", "pp")
_set_remote = function("peer_connection_set_remote_description", "i", "pp")
_add_ice_candidate = function("peer_connection_add_ice_candidate", "i", "pp")
_restart_ice = function("peer_connection_restart_ice", "i", "p")
_descriptions = {name: function(f"peer_connection_{name}_description", "p", "p") for name in (
    "local", "remote", "current_local", "pending_local", "current_remote", "pending_remote")}
_states = {name: function(f"peer_connection_{name}", "i", "p") for name in (
    "signaling_state", "ice_gathering_state", "ice_connection_state", "connection_state", "can_trickle_ice_candidates")}
_add_track = function("peer_connection_add_track", "i", "pppzP")
_remove_track = function("peer_connection_remove_track", "i", "pp")
_add_transceiver = function("peer_connection_add_transceiver", "i", "pipP")
_lists = {name: function(f"peer_connection_{name}", "z", "ppz") for name in ("transceivers", "senders", "receivers")}
_create_data_channel = function("peer_connection_create_data_channel", "i", "psppp" "P")
_get_stats = function("peer_connection_get_stats", "i", "pP")
_get_stats_of_track = function("peer_connection_get_stats_of_track", "i", "ppP")
_set_configuration = function("peer_connection_set_configuration", "i", "pp")
_sctp = function("peer_connection_sctp", "p", "p")

_LOOPBACK = {"when-alone": 0, "always": 1, "never": 2}
_TRANSPORT_POLICIES = ("all", "relay")
_BUNDLE_POLICIES = ("balanced", "max-compat", "max-bundle")

_Plain = CFUNCTYPE(None, c_void_p, c_void_p)
_State = CFUNCTYPE(None, c_void_p, c_int32, c_void_p)
_Object = CFUNCTYPE(None, c_void_p, c_void_p, c_void_p)
_CandidateError = CFUNCTYPE(None, c_void_p, POINTER(CandidateErrorStruct), c_void_p)
_Track = CFUNCTYPE(None, c_void_p, POINTER(TrackEventStruct), c_void_p)
_Error = CFUNCTYPE(None, c_void_p, POINTER(RtcErrorStruct), c_void_p)


class _Events(Structure):
    _fields_ = [("on_negotiation_needed", _Plain), ("on_ice_candidate", _Object), ("on_ice_candidate_error", _CandidateError),
                ("on_signaling_state_change", _State), ("on_ice_connection_state_change", _State), ("on_ice_gathering_state_change", _State),
                ("on_connection_state_change", _State), ("on_track", _Track), ("on_data_channel", _Object), ("on_closed", _Plain),
                ("on_sctp_transport_state_change", _State), ("on_ice_transport_state_change", _State),
                ("on_ice_transport_gathering_state_change", _State), ("on_selected_candidate_pair_change", _Plain),
                ("on_dtls_transport_state_change", _State), ("on_dtls_transport_error", _Error), ("reserved", c_void_p * 2)]


_open: dict[int, PeerConnection] = {}  # by the number that callbacks bring: connections live until they are closed
H = TypeVar("H", bound=Handle)


@dataclass(frozen=True)
class IceServer:
    """RTCIceServer: "stun:HOST", "turn:HOST?transport=tcp", "turns:HOST", or several of them."""
    urls: str | Sequence[str]
    username: str | None = None
    credential: str | None = None


@dataclass(frozen=True)
class TrackEvent:
    """RTCTrackEvent."""
    track: MediaStreamTrack
    receiver: RtpReceiver
    transceiver: RtpTransceiver
    streams: tuple[MediaStream, ...]


@dataclass(frozen=True)
class IceCandidateError:
    """RTCPeerConnectionIceErrorEvent."""
    url: str | None
    code: int
    text: str | None
    address: str | None
    port: int | None


def _on_track(pc: int, event: Any, user: int) -> None:
    given = event.contents
    streams = tuple(MediaStream._of(given.streams[index]) for index in range(given.stream_count))
    connection, track = _open[user], MediaStreamTrack._of(given.track)
    connection._tracks = {one for one in connection._tracks if one.ready_state == "live"} | {track}
    connection._emit("track", TrackEvent(track, RtpReceiver._of(given.receiver), RtpTransceiver._of(given.transceiver), streams))


def _on_candidate_error(pc: int, error: Any, user: int) -> None:
    given = error.contents
    _open[user]._emit("icecandidateerror", IceCandidateError(text_or_none(given.url), given.code, text_or_none(given.text), text_or_none(given.address),
                                                             given.port or None))


def _on_closed(pc: int, user: int) -> None:
    connection = _open.pop(user)
    connection._loop.release(user)
    connection._tracks.clear()
    for channel in list(connection._channels):
        channel._end()  # closed without an event, as W3C has it: loops over it end
    connection._emit("_ended")


def _state(event: str) -> Any:
    return _State(lambda pc, state, user: _open[user]._emit(event))


_events = _Events(
    on_negotiation_needed=_Plain(lambda pc, user: _open[user]._emit("negotiationneeded")),
    on_ice_candidate=_Object(lambda pc, candidate, user: _open[user]._emit("icecandidate", IceCandidate._of(candidate) if candidate else None)),
    on_ice_candidate_error=_CandidateError(_on_candidate_error), on_signaling_state_change=_state("signalingstatechange"),
    on_ice_connection_state_change=_state("iceconnectionstatechange"), on_ice_gathering_state_change=_state("icegatheringstatechange"),
    on_connection_state_change=_state("connectionstatechange"), on_track=_Track(_on_track),
    on_data_channel=_Object(lambda pc, channel, user: _open[user]._emit("datachannel", DataChannel._of(channel)._kept_by(_open[user]._channels))), on_closed=_Plain(_on_closed),
    on_sctp_transport_state_change=_state("sctptransportstatechange"), on_ice_transport_state_change=_state("icetransportstatechange"),
    on_selected_candidate_pair_change=_Plain(lambda pc, user: _open[user]._emit("selectedcandidatepairchange")),
    on_dtls_transport_state_change=_state("dtlstransportstatechange"),
    on_dtls_transport_error=_Error(lambda pc, error, user: _open[user]._emit("dtlstransporterror", rtc_error(error.contents))))


def _configuration(ice_servers: Sequence[IceServer], certificates: Sequence[Certificate], options: dict[str, Any], loop: NativeLoop) -> ConfigurationStruct:
    servers = (IceServerStruct * max(1, len(ice_servers)))(*(
        IceServerStruct(encoded(one.urls if isinstance(one.urls, str) else " ".join(one.urls)), encoded(one.username), encoded(one.credential))
        for one in ice_servers))
    held = pointers(certificates)
    configuration = ConfigurationStruct.make(loop=loop.pointer, ice_servers=ctypes.addressof(servers), ice_server_count=len(ice_servers),
                                             certificates=ctypes.addressof(held), certificate_count=len(certificates), **options)
    configuration._held = (servers, held)
    return configuration


class PeerConnection(EventTarget):
    """Events: negotiationneeded, icecandidate (IceCandidate or None), icecandidateerror, signalingstatechange, iceconnectionstatechange,
    icegatheringstatechange, connectionstatechange, track (TrackEvent), datachannel (DataChannel); of the transports sctptransportstatechange,
    icetransportstatechange, selectedcandidatepairchange, dtlstransportstatechange, dtlstransporterror (RTCError). All come on the thread of the asyncio loop that
    was running when it was made. `async with` closes it."""
    _numbers = iter(range(1, 1 << 62))

    def __init__(self, ice_servers: Sequence[IceServer] = (), *, certificates: Sequence[Certificate] = (), ice_transport_policy: str = "all",
                 loopback: str = "when-alone", port_range: tuple[int, int] = (0, 0), maximum_message_size: int = 0,
                 ice_candidate_pool_size: int = 0, bundle_policy: str = "balanced") -> None:
        super().__init__()
        self._loop = native_loop()
        self._certificates = certificates
        self._options = options = {"ice_transport_policy": _TRANSPORT_POLICIES.index(ice_transport_policy), "loopback_policy": _LOOPBACK[loopback],
                   "port_minimum": port_range[0], "port_maximum": port_range[1], "maximum_message_size": maximum_message_size,
                   "ice_candidate_pool_size": ice_candidate_pool_size, "bundle_policy": _BUNDLE_POLICIES.index(bundle_policy)}
        self._channels: set[DataChannel] = set()
        self._tracks: set[MediaStreamTrack] = set()  # received ones, so that their handlers live as long as they
        number = next(self._numbers)
        pointer = _new(address(_configuration(ice_servers, certificates, options, self._loop)), address(_events), number)
        if not pointer:
            raise last_error()
        self._pointer = pointer
        self._is_released = False
        _open[number] = self
        self._loop.use(number)

    def __del__(self) -> None:
        if not getattr(self, "_is_released", True):
            self._is_released = True
            _unref(self._pointer)

    async def __aenter__(self) -> PeerConnection:
        return self

    async def __aexit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        _close(self._pointer)

    # Negotiation

    async def create_offer(self, *, ice_restart: bool = False) -> SessionDescription:
        options = OfferOptionsStruct.make(ice_restart=ice_restart)
        return SessionDescription._taking(new_pointer(_create_offer, self._pointer, address(options)))

    async def create_answer(self) -> SessionDescription:
        return SessionDescription._taking(new_pointer(_create_answer, self._pointer))

    async def set_local_description(self, description: SessionDescription | None = None) -> None:
        """Without an argument the offer or answer that fits the signaling state is made."""
        check(_set_local(self._pointer, description._pointer if description is not None else None))
        await asyncio.sleep(0)  # what it means comes by events first

    async def set_remote_description(self, description: SessionDescription) -> None:
        check(_set_remote(self._pointer, description._pointer))
        await asyncio.sleep(0)

    async def add_ice_candidate(self, candidate: IceCandidate | None) -> None:
        """None: the other side has no more."""
        check(_add_ice_candidate(self._pointer, candidate._pointer if candidate is not None else None))

    def set_configuration(self, ice_servers: Sequence[IceServer] = (), *, ice_transport_policy: str = "all") -> None:
        """Other servers, or another policy, from the next gathering on."""
        options = {**self._options, "ice_transport_policy": _TRANSPORT_POLICIES.index(ice_transport_policy)}
        check(_set_configuration(self._pointer, address(_configuration(ice_servers, self._certificates, options, self._loop))))
        self._options = options

    def restart_ice(self) -> None:
        check(_restart_ice(self._pointer))

    def _description(self, name: str) -> SessionDescription | None:
        return SessionDescription._taking_or_none(_descriptions[name](self._pointer))

    @property
    def local_description(self) -> SessionDescription | None:
        return self._description("local")

    @property
    def remote_description(self) -> SessionDescription | None:
        return self._description("remote")

    @property
    def current_local_description(self) -> SessionDescription | None:
        return self._description("current_local")

    @property
    def pending_local_description(self) -> SessionDescription | None:
        return self._description("pending_local")

    @property
    def current_remote_description(self) -> SessionDescription | None:
        return self._description("current_remote")

    @property
    def pending_remote_description(self) -> SessionDescription | None:
        return self._description("pending_remote")

    @property
    def can_trickle_ice_candidates(self) -> bool | None:
        value = _states["can_trickle_ice_candidates"](self._pointer)
        return None if value < 0 else bool(value)

    # States

    @property
    def signaling_state(self) -> str:
        return _SIGNALING_STATES[_states["signaling_state"](self._pointer)]

    @property
    def ice_gathering_state(self) -> str:
        return _GATHERING_STATES[_states["ice_gathering_state"](self._pointer)]

    @property
    def ice_connection_state(self) -> str:
        return _ICE_STATES[_states["ice_connection_state"](self._pointer)]

    @property
    def connection_state(self) -> str:
        return _STATES[_states["connection_state"](self._pointer)]

    async def connected(self) -> None:
        """Waits until it is connected; InvalidStateError when it fails or is closed."""
        while self.connection_state != "connected":
            if self.connection_state in ("failed", "closed"):
                raise InvalidStateError(f"the connection is {self.connection_state}")
            await self._first("connectionstatechange", "_ended")

    async def gathered(self) -> SessionDescription:
        """The local description with all its candidates, for signaling that does not trickle."""
        while self.ice_gathering_state != "complete":
            if self.connection_state == "closed":
                raise InvalidStateError("the connection is closed")
            await self._first("icegatheringstatechange", "_ended")
        description = self.local_description
        if description is None:
            raise InvalidStateError("there is no local description")
        return description

    # Media

    def add_track(self, track: MediaStreamTrack, *streams: MediaStream) -> RtpSender:
        return RtpSender._taking(new_pointer(_add_track, self._pointer, track._pointer, pointers(streams), len(streams)))

    def remove_track(self, sender: RtpSender) -> None:
        check(_remove_track(self._pointer, sender._pointer))

    def add_transceiver(self, track_or_kind: MediaStreamTrack | str, *, direction: str = "sendrecv", streams: Sequence[MediaStream] = (),
                        send_encodings: Sequence[RtpEncoding] = ()) -> RtpTransceiver:
        track = track_or_kind if isinstance(track_or_kind, MediaStreamTrack) else None
        kind = track.kind if track is not None else track_or_kind
        encodings = (RtpEncodingStruct * max(1, len(send_encodings)))(*(one._make() for one in send_encodings))
        listed = pointers(streams)
        init = TransceiverInitStruct.make(direction=DIRECTIONS.index(direction), track=track._pointer if track is not None else None,
                                          streams=ctypes.cast(listed, POINTER(c_void_p)), stream_count=len(streams),
                                          send_encodings=ctypes.cast(encodings, POINTER(RtpEncodingStruct)), send_encoding_count=len(send_encodings))
        return RtpTransceiver._taking(new_pointer(_add_transceiver, self._pointer, KINDS.index(str(kind)), address(init)))

    def _list(self, name: str, kind: type[H]) -> list[H]:
        count = _lists[name](self._pointer, None, 0)
        array = (c_void_p * (count + 8))()
        count = min(_lists[name](self._pointer, ctypes.cast(array, c_void_p), len(array)), len(array))
        return [kind._taking(array[index]) for index in range(count)]

    @property
    def transceivers(self) -> list[RtpTransceiver]:
        return self._list("transceivers", RtpTransceiver)

    @property
    def senders(self) -> list[RtpSender]:
        return self._list("senders", RtpSender)

    @property
    def receivers(self) -> list[RtpReceiver]:
        return self._list("receivers", RtpReceiver)

    # Data

    def create_data_channel(self, label: str, *, ordered: bool = True, max_packet_life_time: int | None = None, max_retransmits: int | None = None,
                            protocol: str = "", negotiated: bool = False, id: int | None = None, priority: str = "low") -> DataChannel:
        init = DataChannelInitStruct.make(ordered=ordered, max_packet_life_time=max_packet_life_time, max_retransmits=max_retransmits,
                                          protocol=encoded(protocol), negotiated=negotiated, id=id, priority=PRIORITIES.index(priority))
        channel = DataChannel._taking(new_pointer(_create_data_channel, self._pointer, encoded(label), address(init), None, None))
        return channel._kept_by(self._channels)

    @property
    def sctp(self) -> SctpTransport | None:
        return SctpTransport._taking_or_none(_sctp(self._pointer))

    async def get_stats(self, selector: MediaStreamTrack | None = None) -> StatsReport:
        """Of everything, or of what belongs to a track (W3C WebRTC §8.2)."""
        if selector is not None:
            return StatsReport(new_pointer(_get_stats_of_track, self._pointer, selector._pointer))
        return StatsReport(new_pointer(_get_stats, self._pointer))

    def __repr__(self) -> str:
        return f"<PeerConnection {self.connection_state}>"
