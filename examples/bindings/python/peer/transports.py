"""RTCDtlsTransport, RTCIceTransport, RTCSctpTransport: views of what is below a connection."""
from __future__ import annotations

import ctypes
from ctypes import c_void_p
from dataclasses import dataclass
from typing import Callable

from ._handles import Handle
from ._library import function, names
from .description import IceCandidate

_ICE_STATES = names("peer_ice_transport_state_name", 7)
_ICE_ROLES = names("peer_ice_role_name", 3)
_GATHERING_STATES = names("peer_ice_gathering_state_name", 3)
_DTLS_STATES = names("peer_dtls_transport_state_name", 5)
_SCTP_STATES = names("peer_sctp_transport_state_name", 3)

_ice_numbers = {name: function(f"peer_ice_transport_{name}", "i", "p") for name in ("role", "component", "state", "gathering_state")}
_ice_candidates = {name: function(f"peer_ice_transport_{name}_candidates", "z", "ppz") for name in ("local", "remote")}
_ice_parameters = {name: function(f"peer_ice_transport_{name}_parameters", "i", "ppzpz") for name in ("local", "remote")}
_ice_pair = function("peer_ice_transport_selected_candidate_pair", "i", "pPP")
_dtls_state = function("peer_dtls_transport_state", "i", "p")
_dtls_ice = function("peer_dtls_transport_ice_transport", "p", "p")
_certificate_count = function("peer_dtls_transport_remote_certificate_count", "z", "p")
_certificate = function("peer_dtls_transport_remote_certificate", "i", "pzpz")
_sctp_state = function("peer_sctp_transport_state", "i", "p")
_sctp_size = function("peer_sctp_transport_max_message_size", "q", "p")
_sctp_channels = function("peer_sctp_transport_max_channels", "i", "p")
_sctp_dtls = function("peer_sctp_transport_transport", "p", "p")


@dataclass(frozen=True)
class IceParameters:
    username_fragment: str
    password: str


@dataclass(frozen=True)
class IceCandidatePair:
    local: IceCandidate
    remote: IceCandidate


class IceTransport(Handle):
    _type = "ice_transport"

    @property
    def role(self) -> str:
        return _ICE_ROLES[_ice_numbers["role"](self._pointer)]

    @property
    def component(self) -> str:
        return (None, "rtp", "rtcp")[_ice_numbers["component"](self._pointer)] or "rtp"

    @property
    def state(self) -> str:
        return _ICE_STATES[_ice_numbers["state"](self._pointer)]

    @property
    def gathering_state(self) -> str:
        return _GATHERING_STATES[_ice_numbers["gathering_state"](self._pointer)]

    def _candidates(self, side: str) -> list[IceCandidate]:
        read: Callable[..., int] = _ice_candidates[side]
        array = (c_void_p * (read(self._pointer, None, 0) + 8))()
        count = min(read(self._pointer, ctypes.cast(array, c_void_p), len(array)), len(array))
        return [IceCandidate._taking(array[index]) for index in range(count)]

    @property
    def local_candidates(self) -> list[IceCandidate]:
        return self._candidates("local")

    @property
    def remote_candidates(self) -> list[IceCandidate]:
        return self._candidates("remote")

    @property
    def selected_candidate_pair(self) -> IceCandidatePair | None:
        local, remote = c_void_p(), c_void_p()
        if not _ice_pair(self._pointer, ctypes.byref(local), ctypes.byref(remote)):
            return None
        return IceCandidatePair(IceCandidate._taking(local.value), IceCandidate._taking(remote.value))

    def _parameters(self, side: str) -> IceParameters | None:
        ufrag, password = ctypes.create_string_buffer(300), ctypes.create_string_buffer(300)
        if not _ice_parameters[side](self._pointer, ctypes.addressof(ufrag), len(ufrag), ctypes.addressof(password), len(password)):
            return None
        return IceParameters(ufrag.value.decode(), password.value.decode())

    @property
    def local_parameters(self) -> IceParameters | None:
        return self._parameters("local")

    @property
    def remote_parameters(self) -> IceParameters | None:
        return self._parameters("remote")


class DtlsTransport(Handle):
    _type = "dtls_transport"

    @property
    def state(self) -> str:
        return _DTLS_STATES[_dtls_state(self._pointer)]

    @property
    def ice_transport(self) -> IceTransport:
        return IceTransport._taking(_dtls_ice(self._pointer))

    def get_remote_certificates(self) -> list[bytes]:
        """DER."""
        certificates = []
        for index in range(_certificate_count(self._pointer)):
            buffer = ctypes.create_string_buffer(max(0, _certificate(self._pointer, index, None, 0)))
            length = _certificate(self._pointer, index, ctypes.addressof(buffer), len(buffer))
            certificates.append(buffer.raw[:max(0, length)])
        return certificates


class SctpTransport(Handle):
    _type = "sctp_transport"

    @property
    def state(self) -> str:
        return _SCTP_STATES[_sctp_state(self._pointer)]

    @property
    def max_message_size(self) -> int:
        return _sctp_size(self._pointer)

    @property
    def max_channels(self) -> int | None:
        value = _sctp_channels(self._pointer)
        return None if value < 0 else value

    @property
    def transport(self) -> DtlsTransport:
        return DtlsTransport._taking(_sctp_dtls(self._pointer))
