"""Errors, by their DOMException names."""
from __future__ import annotations

from typing import Callable


class PeerError(Exception):
    """What a function of the library refused. `name` is the DOMException name that a browser would have thrown."""
    name = "UnknownError"


class InvalidStateError(PeerError):
    name = "InvalidStateError"


class InvalidAccessError(PeerError):
    name = "InvalidAccessError"


class InvalidModificationError(PeerError):
    name = "InvalidModificationError"


class InvalidCharacterError(PeerError):
    name = "InvalidCharacterError"


class NotSupportedError(PeerError):
    name = "NotSupportedError"


class NotFoundError(PeerError):
    name = "NotFoundError"


class NotReadableError(PeerError):
    name = "NotReadableError"


class OverconstrainedError(PeerError):
    name = "OverconstrainedError"


class OperationError(PeerError):
    name = "OperationError"


class NetworkError(PeerError):
    name = "NetworkError"


class AbortError(PeerError):
    name = "AbortError"


class QuotaExceededError(PeerError):
    name = "QuotaExceededError"


class ArgumentTypeError(PeerError, TypeError):
    name = "TypeError"


class RangeError(PeerError, ValueError):
    name = "RangeError"


class SdpSyntaxError(PeerError, ValueError):
    name = "SyntaxError"


class UnknownError(PeerError):
    name = "UnknownError"


_BY_CODE: dict[int, type[PeerError]] = {
    -1: ArgumentTypeError, -2: RangeError, -3: SdpSyntaxError, -4: InvalidStateError, -5: InvalidAccessError, -6: InvalidModificationError,
    -7: NotSupportedError, -8: NotFoundError, -9: NotReadableError, -10: OverconstrainedError, -11: OperationError, -12: NetworkError,
    -13: AbortError, -14: QuotaExceededError, -17: InvalidCharacterError}


class RTCError(OperationError):
    """W3C WebRTC §11.1: why a channel or a transport failed."""

    def __init__(self, message: str, detail: str, sctp_cause_code: int | None = None, received_alert: int | None = None,
                 sent_alert: int | None = None) -> None:
        super().__init__(message)
        self.error_detail = detail
        self.sctp_cause_code = sctp_cause_code
        self.received_alert = received_alert
        self.sent_alert = sent_alert


def error_of(code: int, message: str) -> PeerError:
    if code == -15:
        raise MemoryError(message)
    return _BY_CODE.get(code, UnknownError)(message)


def check_code(code: int, message: Callable[[], str]) -> int:
    if code < 0:
        raise error_of(code, message())
    return code
