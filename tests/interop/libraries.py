"""Calls with the libraries that other programs are built on: aiortc, GStreamer's webrtcbin, Pion, werift; and with libpeer itself."""
import os

import descriptions
from endpoint import HERE, call

SECONDS = 15        # a call that has not done everything by then has failed
FRAMES = 30         # pictures decoded, each way
SOUND_SECONDS = 1.0
SAID = 4            # texts and binaries that the offering side says, each of them echoed
PYTHON = "/usr/bin/python3"


def commands(build):
    cache = os.path.join(build, "interop")
    return {
        "libpeer": [os.path.join(build, "tests/interop/interop-peer")],
        "libpeer in Python": ["env", "PEER_LIBRARY=" + os.path.join(build, "libpeer.so"), PYTHON, f"{HERE}/peers/python_peer.py"],
        "aiortc": [PYTHON, f"{HERE}/peers/aiortc_peer.py"],
        "GStreamer": [PYTHON, f"{HERE}/peers/gstreamer_peer.py"],
        "Pion": [f"{cache}/pion-peer"],
        "werift": ["node", f"{cache}/werift/peer.mjs"],
    }


def lacks(report, who, wanted):
    """What of {member: at least} is missing in a report."""
    return [f"{who}: {member} is {report.get(member)}, not {least} or more" for member, least in wanted.items() if report.get(member, 0) < least]


def judge(ours, theirs, name, is_ours_offering):
    """What is missing of a call that works in both directions."""
    problems = [f"{who} is {report['state']}" for who, report in (("libpeer", ours), (name, theirs)) if report["state"] != "connected"]
    wanted = {"video_frames": FRAMES, "video_changes": FRAMES - 1, "audio_seconds": SOUND_SECONDS, "loud_seconds": 0.8 * SOUND_SECONDS,
              "messages": SAID}
    if name != "GStreamer":  # the others burn numbers into their picture, or send ours back
        wanted["video_numbers"] = FRAMES
    if name in ("Pion", "werift", "libpeer") and "test_sound_seconds" in ours:  # and our sound
        wanted["test_sound_seconds"] = 0.5 * SOUND_SECONDS
    problems += lacks(ours, "libpeer", wanted)
    if "video_packets" in theirs:
        problems += lacks(theirs, name, {"video_packets": FRAMES, "audio_packets": 50 * SOUND_SECONDS, "messages": SAID})
    else:
        problems += lacks(theirs, name, {"video_frames": FRAMES, "video_numbers": FRAMES, "audio_seconds": SOUND_SECONDS,
                                         "loud_seconds": 0.8 * SOUND_SECONDS, "messages": SAID})
    return problems + lacks(*((ours, "libpeer") if is_ours_offering else (theirs, name)), {"echoes": SAID})


def check_stats(stats):
    """Our own getStats must tell the same story."""
    problems = []
    for kind in ("audio", "video"):
        for direction in ("inbound-rtp", "outbound-rtp"):
            packets = "packetsReceived" if direction == "inbound-rtp" else "packetsSent"
            if not any(one.get(packets, 0) > 0 for one in stats if one["type"] == direction and one.get("kind") == kind):
                problems.append(f"getStats of libpeer has no {packets} in {direction} of {kind}")
    transports = [one for one in stats if one["type"] == "transport"]
    if not any(one.get("dtlsState") == "connected" and one.get("srtpCipher") for one in transports):
        problems.append(f"getStats of libpeer has no connected transport: {transports}")
    return problems


def library_case(name, is_ours_offering, is_full, build, own="libpeer"):
    names = commands(build)
    options = ["--full"] if is_full else []
    ours = (own, names[own] + ["offer" if is_ours_offering else "answer"] + options)
    theirs = (name, names[name] + ["answer" if is_ours_offering else "offer"] + options)
    which = (lambda first, second: (first, second)) if is_ours_offering else (lambda first, second: (second, first))
    problems, reports, sides = call(*which(ours, theirs), lambda *both: judge(*which(*both), name, is_ours_offering), SECONDS)
    our_report, their_report = which(*reports)
    _, their_side = which(*sides)
    if not problems:
        problems = check_stats(our_report["stats"])
    stem = f"{name.lower()}-{'answer' if is_ours_offering else 'offer'}" + ("-full" if is_full else "")
    for description in their_side.descriptions[:own == "libpeer"]:
        problems += descriptions.save_and_check(stem, description["sdp"], build)
    if problems:
        for report in (our_report, their_report):
            problems.append({key: value for key, value in (report or {}).items() if key != "stats"})
    return problems


# aiortc has no trickling of its own: its descriptions are full in any case.
CASES = [("libpeer", True, False), ("libpeer", True, True)]
CASES += [(name, is_ours_offering, is_full) for name in ("aiortc", "GStreamer", "Pion", "werift") for is_ours_offering in (True, False)
          for is_full in (False, True)]


def cases(build):
    for name in ("libpeer in Python", "aiortc"):
        for is_ours_offering in (True, False):
            yield (None, f"libpeer in Python {'calls' if is_ours_offering else 'is called by'} {name}: picture, sound and data both ways",
                   lambda _, call=(name, is_ours_offering, name == "aiortc", build, "libpeer in Python"): library_case(*call))
    for name, is_ours_offering, is_full in CASES:
        yield (None, f"{'libpeer calls ' + name if is_ours_offering else name + ' calls libpeer'}, "
               f"{'with all candidates in the descriptions' if is_full else 'with candidates that trickle'}: picture, sound and data both ways",
               lambda _, call=(name, is_ours_offering, is_full, build): library_case(*call))
