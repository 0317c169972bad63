"""Simulcast of three layers (RFC 8853) between libpeer and browsers. Chromium and Firefox send it, but neither takes it: their answers have no
a=simulcast:recv. What they take is a description in which each layer is an m-line of its own: its rid becomes the mid of that line, and the header
extension that carries it another name."""
import os

import midcall
import sides
from sides import must

RIDS = ("q", "h", "f")
MID = "urn:ietf:params:rtp-hdrext:sdes:mid"
RID = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
REPAIRED = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"


def sections(sdp):
    """The session's lines, and those of each m-line."""
    parts = [[]]
    for line in sdp.splitlines():
        if line.startswith("m="):
            parts.append([])
        parts[-1].append(line)
    return parts[0], parts[1:]


def joined(session, media):
    return "".join(line + "\r\n" for part in (session, *media) for line in part)


def layers_as_lines(sdp):
    """An offer of one simulcast line becomes one of a line for each layer."""
    session, (line,) = sections(sdp)
    session = ["a=group:BUNDLE " + " ".join(RIDS) if one.startswith("a=group:BUNDLE") else one for one in session]
    media = []
    for rid in RIDS:
        part = []
        for one in line:
            if one.startswith(("a=rid:", "a=simulcast:", "a=ssrc", "a=msid:")) or one.endswith((MID, REPAIRED)):
                continue
            part.append(f"a=mid:{rid}" if one.startswith("a=mid:") else one.replace(RID, MID))
        media.append([*part, f"a=msid:stream-{rid} track-{rid}"])
    return joined(session, media)


def lines_as_layers(sdp, mid):
    """The answer to it, as one to what was offered."""
    session, media = sections(sdp)
    session = [f"a=group:BUNDLE {mid}" if one.startswith("a=group:BUNDLE") else one for one in session]
    line = [f"a=mid:{mid}" if one.startswith("a=mid:") else one.replace(MID, RID) for one in media[0]]
    return joined(session, [[*line, *(f"a=rid:{rid} recv" for rid in RIDS), "a=simulcast:recv " + ";".join(RIDS)]])


class Translated(midcall.Pair):
    """a is libpeer, which offers; b gets the layers as lines."""
    mid = None

    def translated(self, message, side):
        description, candidate = message.get("description"), message.get("candidate")
        if description is not None and side is self.a:
            self.mid = next(one[6:] for one in description["sdp"].splitlines() if one.startswith("a=mid:"))
            description["sdp"] = layers_as_lines(description["sdp"])
        elif description is not None:
            description["sdp"] = lines_as_layers(description["sdp"], self.mid)
        if candidate is not None:
            candidate.update(sdpMid=RIDS[0] if side is self.a else self.mid, sdpMLineIndex=0)
        return message


def layers(state, direction, member, key):
    return {one[key]: one.get(member) or 0 for one in state[direction] if one["kind"] == "video"}


def from_us(pair):
    """Three layers of ours arrive, each at its size; one that is made inactive stops, and comes again."""
    pair.must_do(pair.a, "add", name="picture", kind="video", simulcast=True, width=640, height=480)
    sizes = {"q": 160, "h": 320, "f": 640}

    def fed(*wanted):
        first = layers(pair.b.do("state"), "inbound", "framesDecoded", "mid")
        pair.wait(f"layers {wanted}", lambda a, b: all(layers(b, "inbound", "framesDecoded", "mid").get(rid, 0) > first.get(rid, 0) + 10 for rid in wanted))
    fed(*RIDS)
    a, b = pair.a.do("state"), pair.b.do("state")
    must(layers(b, "inbound", "frameWidth", "mid") == sizes, f"the sizes of the layers: {b['inbound']}")
    must(layers(a, "outbound", "frameWidth", "rid") == sizes, f"the sizes of the layers in our statistics: {a['outbound']}")
    pair.must_do(pair.a, "active", name="picture", active=[True, False, True])
    pair.is_still(pair.b, "video", "h")
    fed("q", "f")
    pair.must_do(pair.a, "active", name="picture", active=[True, True, True])
    fed(*RIDS)


def to_us(pair):
    """Three layers of a browser's arrive, told apart by their rids alone; the picture that is shown is the best of those that come."""
    browser = pair.b if pair.a.name == "libpeer" else pair.a
    us = pair.a if browser is pair.b else pair.b
    pair.must_do(browser, "add", name="picture", kind="video", simulcast=True, width=1280, height=720)

    read = lambda state: layers(state, "inbound", "packetsReceived", "ssrc")

    def fed(count):
        """So many streams grow, and the others stand still for as long."""
        first = read(us.do("state"))
        pair.wait(f"{count} layers", lambda *both: sum(packets > first.get(ssrc, 0) + 10 for ssrc, packets in read(both[pair.index(us)]).items()) >= count, 25)
        return {ssrc for ssrc, packets in read(us.do("state")).items() if packets > first.get(ssrc, 0)}
    all_layers = fed(3)
    must(len(all_layers) == 3, f"three streams: {all_layers}")
    shown = lambda state: max((one.get("frameWidth") or 0 for one in state["inbound"] if one["kind"] == "video"), default=0)
    pair.wait("the largest picture", lambda *both: shown(both[pair.index(us)]) == 1280)
    sizes = {"q": 320, "h": 640, "f": 1280}
    pair.wait(f"{sizes} in the browser's statistics", lambda *both: layers(both[pair.index(browser)], "outbound", "frameWidth", "rid") == sizes)
    pair.must_do(browser, "active", name="picture", active=[True, False, True])
    pair.wait("two layers alone", lambda *both: len(fed(2)) == 2)
    pair.must_do(browser, "active", name="picture", active=[True, True, True])
    fed(3)


def cases(build):
    program = os.path.join(build, "tests/interop/interop-midcall")
    for name in ("Chromium", "Firefox"):
        yield (name, f"libpeer sends simulcast to {name}: three layers, one of them off and on",
               sides.between(program, midcall.SCRIPT, False, Translated, from_us))
        yield (name, f"{name} offers simulcast to libpeer: three layers, one of them off and on",
               sides.between(program, midcall.SCRIPT, True, midcall.Pair, to_us))
