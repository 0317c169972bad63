"""RTCSessionDescription and RTCIceCandidate. Immutable; to_json() and from_json() are what browsers send each other."""
from __future__ import annotations

from ._handles import Handle
from ._library import encoded, function, names, new_pointer, take_string, text_or_none

SDP_TYPES = names("peer_sdp_type_name", 4)
CANDIDATE_TYPES = names("peer_ice_candidate_type_name", 4)

_new = function("peer_description_new", "i", "isP")
_from_json = function("peer_description_from_json", "i", "szP")
_to_json = function("peer_description_to_json", "p", "p")
_type = function("peer_description_type", "i", "p")
_sdp = function("peer_description_sdp", "s", "p")
_candidate_new = function("peer_ice_candidate_new", "i", "ssisP")
_candidate_from_json = function("peer_ice_candidate_from_json", "i", "szP")
_candidate_to_json = function("peer_ice_candidate_to_json", "p", "p")
_candidate_texts = {name: function(f"peer_ice_candidate_{name}", "s", "p") for name in (
    "candidate", "sdp_mid", "username_fragment", "foundation", "address", "protocol", "related_address", "tcp_type", "relay_protocol", "url")}
_candidate_numbers = {name: function(f"peer_ice_candidate_{name}", letter, "p") for name, letter in (
    ("sdp_mline_index", "i"), ("component", "i"), ("priority", "u"), ("port", "h"), ("type", "i"), ("related_port", "h"))}


class SessionDescription(Handle):
    _type = "description"

    def __init__(self, type: str, sdp: str = "") -> None:
        if type not in SDP_TYPES:
            raise TypeError(f"{type!r} is none of {', '.join(SDP_TYPES)}")
        self._adopt(new_pointer(_new, SDP_TYPES.index(type), encoded(sdp)))

    @classmethod
    def from_json(cls, json: str) -> SessionDescription:
        data = json.encode()
        return cls._taking(new_pointer(_from_json, data, len(data)))

    def to_json(self) -> str:
        return take_string(_to_json(self._pointer))

    @property
    def type(self) -> str:
        return SDP_TYPES[_type(self._pointer)]

    @property
    def sdp(self) -> str:
        return _sdp(self._pointer).decode()

    def __repr__(self) -> str:
        return f"<SessionDescription {self.type}>"


class IceCandidate(Handle):
    _type = "ice_candidate"

    def __init__(self, candidate: str, sdp_mid: str | None = None, sdp_mline_index: int | None = None, username_fragment: str | None = None) -> None:
        index = -1 if sdp_mline_index is None else sdp_mline_index
        self._adopt(new_pointer(_candidate_new, encoded(candidate), encoded(sdp_mid), index, encoded(username_fragment)))

    @classmethod
    def from_json(cls, json: str) -> IceCandidate:
        data = json.encode()
        return cls._taking(new_pointer(_candidate_from_json, data, len(data)))

    def to_json(self) -> str:
        return take_string(_candidate_to_json(self._pointer))

    @property
    def candidate(self) -> str:
        return _candidate_texts["candidate"](self._pointer).decode()

    @property
    def sdp_mline_index(self) -> int | None:
        index = _candidate_numbers["sdp_mline_index"](self._pointer)
        return None if index < 0 else index

    @property
    def component(self) -> str | None:
        return (None, "rtp", "rtcp")[_candidate_numbers["component"](self._pointer)]

    @property
    def priority(self) -> int:
        return _candidate_numbers["priority"](self._pointer)

    @property
    def port(self) -> int | None:
        return _candidate_numbers["port"](self._pointer) or None

    @property
    def type(self) -> str | None:
        value = _candidate_numbers["type"](self._pointer)
        return None if value < 0 else CANDIDATE_TYPES[value]

    @property
    def related_port(self) -> int | None:
        return _candidate_numbers["related_port"](self._pointer) or None

    def __repr__(self) -> str:
        return f"<IceCandidate {self.candidate!r}>"


def _text_property(name: str) -> property:
    read = _candidate_texts[name]
    return property(lambda self: text_or_none(read(self._pointer)))


for _name in ("sdp_mid", "username_fragment", "foundation", "address", "protocol", "related_address", "tcp_type", "relay_protocol", "url"):
    setattr(IceCandidate, _name, _text_property(_name))
