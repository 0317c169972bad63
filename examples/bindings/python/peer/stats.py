"""RTCStatsReport: a mapping from ids to the stats objects of W3C webrtc-stats."""
from __future__ import annotations

import json
from typing import Any, Iterator, Mapping

from ._library import function, take_string

_to_json = function("peer_stats_report_to_json", "p", "p")
_unref = function("peer_stats_report_unref", "v", "p")


class StatsReport(Mapping[str, "dict[str, Any]"]):
    def __init__(self, pointer: int) -> None:
        try:
            self._objects = {one["id"]: one for one in json.loads(take_string(_to_json(pointer)))}
        finally:
            _unref(pointer)

    def __getitem__(self, id: str) -> dict[str, Any]:
        return self._objects[id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._objects)

    def __len__(self) -> int:
        return len(self._objects)

    def of_type(self, type: str, **members: Any) -> list[dict[str, Any]]:
        """The objects of a type, such as "inbound-rtp", whose members are as given."""
        return [one for one in self._objects.values() if one["type"] == type and all(one.get(name) == value for name, value in members.items())]
