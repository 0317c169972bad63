"""peer-send between two hosts whose network goes away in the middle of a transfer, and comes back."""
import filecmp
import os
import shutil
import tempfile
import threading
import time

from peer_call import Child

BYTES = 300000000
BEGUN = 10000000  # bytes after which the network goes
SLOW = 180        # seconds


def program(build):
    return os.path.join(build, "examples/peer-send/peer-send")


def wait_for_part(path, child):
    deadline = time.monotonic() + SLOW
    while not os.path.exists(path) or os.path.getsize(path) < BEGUN:
        if time.monotonic() > deadline or child.process.poll() is not None:
            raise RuntimeError(f"the transfer did not begin: {child.lines}")
        time.sleep(0.002)


def break_case(tap, build, hosts, seconds, is_down=None):
    """The link between the hosts is down for so many seconds; `is_down` is set when it is, or when it never will be."""
    is_down = is_down or threading.Event()
    directory = tempfile.mkdtemp(prefix="peer-send-netns-")
    sent, received = os.path.join(directory, "file"), os.path.join(directory, "out", "file")
    children = []

    def start(i, *arguments):
        children.append(Child([program(build), *arguments], hosts.prefix(i)))
        return children[-1]

    try:
        with open(sent, "wb") as file:
            file.write(os.urandom(BYTES))
        address = hosts.addresses["IPv4"][0]
        url = f"ws://{address}:" + start(0, "serve", "--listen", f"{address}:0").wait_for(r"on port (\d+)")[1]
        sender = start(0, "--rendezvous", url, sent)
        code = sender.wait_for("peer-send receive ([^ ]+)")[1]
        receiver = start(1, "receive", code, "--rendezvous", url, "--output", os.path.join(directory, "out"))
        wait_for_part(received + ".part", receiver)
        hosts.set_link(False)
        is_down.set()
        time.sleep(seconds)
        before = os.path.getsize(received + ".part") if os.path.exists(received + ".part") else BYTES
        hosts.set_link(True)
        problems = [] if before < BYTES else ["all was there before the network went"]
        back = time.monotonic()
        for child in (receiver, sender):
            status = child.wait(SLOW)
            problems += [] if status == 0 else [f"{child.process.args} ended with status {status}"]
        tap.note(f"{before / 1e6:.0f} MB before the break; all {time.monotonic() - back:.1f} s after its end")
        if not problems and not filecmp.cmp(sent, received, shallow=False):
            problems.append("what was received is not what was sent")
        if problems:
            problems += sender.lines + receiver.lines
        return problems
    finally:
        is_down.set()
        hosts.set_link(True)
        for child in children:
            child.kill()
        shutil.rmtree(directory)
