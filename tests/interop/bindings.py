"""The Python binding with real browsers, each as the one that offers and as the one that answers."""
import json
import queue
import time

import midcall
from endpoint import Endpoint
from libraries import FRAMES, SAID, SOUND_SECONDS, check_stats, commands, lacks
from sides import PATIENCE_S, Page


def judge(report, page, is_python_offering):
    """What is missing of a call that works in both directions."""
    problems = [f"{who} is {state}" for who, state in (("Python", report["state"]), ("the browser", page["connectionState"])) if state != "connected"]
    problems += lacks(report, "Python", {"video_frames": FRAMES, "video_changes": FRAMES // 2, "audio_seconds": SOUND_SECONDS})
    if is_python_offering:  # it opens the channel, the page echoes
        problems += lacks(report, "Python", {"echoes": SAID})
    for kind, member, least in (("video", "framesDecoded", FRAMES), ("audio", "packetsReceived", 50 * SOUND_SECONDS)):
        if not any((one.get(member) or 0) >= least for one in page["inbound"] if one["kind"] == kind):
            problems.append(f"the browser: {kind} of {page['inbound']}")
    return problems


def case(browser, build, is_python_offering):
    python = Endpoint("Python", commands(build)["libpeer in Python"] + ["offer" if is_python_offering else "answer"])
    page = Page(browser, midcall.SCRIPT, is_python_offering)
    lines = queue.Queue()
    problems = ["nothing was reported"]
    try:
        python.start_reading(lines.put)
        for name, kind in (("sound", "audio"), ("picture", "video")):
            page.do("add", name=name, kind=kind)
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline and problems:
            while not lines.empty():
                page.receive(json.loads(lines.get()))
            for message in page.take():
                python.send(json.dumps(message))
            report = python.report()
            problems = judge(report, page.do("state"), is_python_offering) if report is not None else ["Python does not report"]
            time.sleep(0.1)
        if not problems:
            problems = check_stats(report["stats"])
        return problems + (python.trouble() if problems else [])
    finally:
        failures = page.close()
        status = python.close()
        if failures or status != 0:
            raise RuntimeError(f"page: {failures}; Python ended with status {status}: {python.trouble()}")


def cases(build):
    for name in ("Chromium", "Firefox"):
        for is_offering in (True, False):
            yield (name, f"libpeer in Python {'calls' if is_offering else 'is called by'} {name}: picture, sound and data",
                   lambda browser, is_offering=is_offering: case(browser, build, is_offering))
