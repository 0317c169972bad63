"""WebRTC by libpeer, with asyncio: connections, tracks, data channels, statistics, as browsers have them."""
from .certificate import Certificate
from .connection import IceCandidateError, IceServer, PeerConnection, TrackEvent
from .data_channel import DataChannel
from .description import IceCandidate, SessionDescription
from .errors import (AbortError, ArgumentTypeError, InvalidAccessError, InvalidCharacterError, InvalidModificationError, InvalidStateError,
                     NetworkError, NotFoundError, NotReadableError, NotSupportedError, OperationError, OverconstrainedError, PeerError,
                     QuotaExceededError, RangeError, RTCError, SdpSyntaxError, UnknownError)
from .frames import AudioFrame, VideoFrame
from .media import MediaStream, MediaStreamTrack, get_user_media
from .negotiator import Negotiator
from .rtp import RtpCapabilities, RtpCodec, RtpEncoding, RtpHeaderExtension, RtpParameters, RtpReceiver, RtpSender, RtpSource, RtpTransceiver
from .stats import StatsReport
from .transports import DtlsTransport, IceCandidatePair, IceParameters, IceTransport, SctpTransport

__all__ = [
    "AbortError", "ArgumentTypeError", "AudioFrame", "Certificate", "DataChannel", "DtlsTransport", "get_user_media", "IceCandidate",
    "IceCandidateError", "IceCandidatePair", "IceParameters", "IceServer", "IceTransport", "InvalidAccessError", "InvalidCharacterError",
    "InvalidModificationError", "InvalidStateError", "MediaStream", "MediaStreamTrack", "Negotiator", "NetworkError", "NotFoundError",
    "NotReadableError", "NotSupportedError", "OperationError", "OverconstrainedError", "PeerConnection", "PeerError", "QuotaExceededError",
    "RangeError", "RTCError", "RtpCapabilities", "RtpCodec", "RtpEncoding", "RtpHeaderExtension", "RtpParameters", "RtpReceiver",
    "RtpSender", "RtpTransceiver", "SctpTransport", "SdpSyntaxError", "SessionDescription", "StatsReport", "TrackEvent", "UnknownError",
    "VideoFrame",
]
