"""Calls in VP9 (RFC 9628) between libpeer and real browsers, from either side: one layer, temporal layers, and from a browser spatial ones, too. Read from the
statistics of both sides."""
import os

import midcall
import sides
from sides import both_ways

VP9 = {"codec": "video/VP9", "kind": "video"}


def plain(pair):
    """Pictures in VP9 both ways, on one m-line; then ICE restarts, and they go on in VP9."""
    for side, other in both_ways(pair):
        pair.must_do(side, "add", name="picture", **VP9)
        pair.flows(other, "video", codec="video/VP9", frameWidth=320)
    pair.must_do(pair.a, "restart")
    for receiver in (pair.a, pair.b):
        pair.flows(receiver, "video", codec="video/VP9")


def layered(mode, senders):
    """Pictures in layers, of which the receiver shows all."""
    def case(pair):
        for side, other in both_ways(pair):
            if senders is None or side.name in senders:
                pair.must_do(side, "add", name="picture", mode=mode, width=640, height=480, **VP9)
                pair.flows(other, "video", codec="video/VP9", frameWidth=640, frameHeight=480)
    return case


def simulcast(pair):
    """Three encodings are offered; who takes one of them gets the pictures in VP9."""
    pair.must_do(pair.a, "add", name="picture", simulcast=True, **VP9)
    pair.flows(pair.b, "video", codec="video/VP9")


MODES = {"Chromium": ("L1T3", "L2T1", "L3T3_KEY", "L3T3"), "Firefox": ()}  # that a browser sends


def cases(build):
    program = os.path.join(build, "tests/interop/interop-midcall")
    for kind, is_first in sides.ROLES:
        if kind is None:
            continue
        modes = MODES[kind]
        wanted = [("pictures both ways", plain), ("simulcast", simulcast), ("temporal layers", layered("L1T3", None if "L1T3" in modes else ("libpeer",)))]
        wanted += [(f"spatial layers ({mode})", layered(mode, (kind,))) for mode in modes if mode != "L1T3"]
        for what, case in wanted:
            yield (kind, f"{kind} {'first' if is_first else 'second'}, in VP9: {what}", sides.between(program, midcall.SCRIPT, is_first, midcall.Pair, case))
