"""Keypad tones (W3C WebRTC §7, RFC 4733) between libpeer and browsers, from either side. libpeer tells what it heard; what a browser plays is recorded,
and the tones are found in it."""
import os
import time

import midcall
import sides
from sides import PATIENCE_S, both_ways, must

TONES = "1A#05"
DURATION_MS = 200
GAP_MS = 150


def played(pair, side):
    """Plays the tones, until the side has told that each of them has begun and all are over."""
    pair.must_do(side, "tones", name="sound", tones=TONES, duration=DURATION_MS, gap=GAP_MS)
    expected = [f"playing {tone}" for tone in (*TONES, "")]
    log = lambda *both: [entry for entry in both[pair.index(side)]["log"] if entry.startswith("playing")]
    states = pair.wait(f"the end of the tones of {side.name}", lambda *both: len(log(*both)) >= len(expected))
    must(log(*states) == expected, f"{side.name} told {log(*states)}")
    return states


def tones(pair):
    """Both hear each tone once, in order."""
    for side in (pair.a, pair.b):
        pair.must_do(side, "add", name="sound", kind="audio")
    for side, other in both_ways(pair):
        pair.flows(other, "audio")
        if other.name == "libpeer":
            played(pair, side)
            states = pair.wait(f"{TONES} at libpeer", lambda *both: len(both[pair.index(other)]["tones"]) >= len(TONES))
            heard = states[pair.index(other)]["tones"]
            # Lengths as they are in the packets, whenever those came. Browsers send events of 8,000 Hz whatever the sound's clock, but count them in
            # packets of it: with 48,000 Hz the 20 ms of a packet are 120 ms of a tone, and it ends with the first that is long enough.
            must(all(0 <= length - DURATION_MS < 120 for _, length in heard), f"libpeer heard {heard}")
        else:
            pair.must_do(other, "listen")
            played(pair, side)
            deadline = time.monotonic() + PATIENCE_S
            heard = []
            while len(heard) < len(TONES) and time.monotonic() < deadline:
                answer = other.do("heard")
                heard = [[tone, length] for tone, length in answer.get("tones", ()) if length >= DURATION_MS / 4]
        must("".join(tone for tone, _ in heard) == TONES, f"{other.name} heard {heard}")
        pair.flows(other, "audio")


def cases(build):
    program = os.path.join(build, "tests/interop/interop-midcall")
    for kind, is_first in sides.ROLES:
        yield (kind, f"keypad tones both ways, {kind or 'libpeer'} {'offers' if is_first else 'answers'}",
               sides.between(program, midcall.SCRIPT, is_first, midcall.Pair, tones))
