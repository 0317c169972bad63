"""RTCCertificate."""
from __future__ import annotations

from ._handles import Handle
from ._library import encoded, function, new_pointer, take_string

_generate = function("peer_certificate_generate", "i", "ilP")
_from_pem = function("peer_certificate_from_pem", "i", "sP")
_to_pem = function("peer_certificate_to_pem", "p", "p")
_expires = function("peer_certificate_expires_ms", "l", "p")
_fingerprint = function("peer_certificate_fingerprint", "s", "p")
_ALGORITHMS = ("ecdsa-p256", "rsa-2048")


class Certificate(Handle):
    _type = "certificate"

    def __init__(self, algorithm: str = "ecdsa-p256", lifetime_s: int = 0) -> None:
        """A new one; "rsa-2048" for peers that know nothing else. 0 is 30 days."""
        self._adopt(new_pointer(_generate, _ALGORITHMS.index(algorithm), lifetime_s))

    @classmethod
    def from_pem(cls, pem: str) -> Certificate:
        """Certificate and private key."""
        return cls._taking(new_pointer(_from_pem, encoded(pem)))

    def to_pem(self) -> str:
        return take_string(_to_pem(self._pointer))

    @property
    def expires(self) -> float:
        """Seconds since 1970."""
        return _expires(self._pointer) / 1000

    @property
    def fingerprint(self) -> str:
        """SHA-256, "AB:CD:…"."""
        return _fingerprint(self._pointer).decode()
