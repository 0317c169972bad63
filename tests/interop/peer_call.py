"""peer-call as children: the rendezvous, and sides of a call whose reports are read."""
import json
import os
import queue
import re
import subprocess
import tempfile
import threading
import time


class Child:
    """A process whose lines can be waited for. `prefix` starts it elsewhere: ["ip", "netns", "exec", NAME]."""

    def __init__(self, arguments, prefix=()):
        self.process = subprocess.Popen([*prefix, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1)
        self.lines = []
        self._new = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line.rstrip())
            self._new.put(line)
        self._new.put(None)

    def wait_for(self, pattern, seconds=60):
        """The first new line in which the pattern is found."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                line = self._new.get(timeout=max(0, deadline - time.monotonic()))
            except queue.Empty:
                line = None
            if line is None:
                raise RuntimeError(f"{self.process.args} never said \"{pattern}\": {self.lines[-10:]}")
            found = re.search(pattern, line)
            if found:
                return found

    def type(self, line):
        self.process.stdin.write(line + "\n")

    def wait(self, seconds):
        """The exit status; None when it had to be killed."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return None

    def kill(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(2)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def program(build):
    return os.path.join(build, "examples/peer-call/peer-call")


class Rendezvous(Child):
    def __init__(self, build, host, *options, prefix=(), port=0):
        super().__init__([program(build), "serve", "--listen", f"{host}:{port}", *options], prefix)
        self.authority = f"{host}:{self.wait_for('on port ([0-9]+)')[1]}"


class Side(Child):
    """peer-call join: one side of a call."""

    def __init__(self, build, rendezvous, room, seconds, *options, prefix=()):
        self.folder = tempfile.TemporaryDirectory(prefix="interop-side-")
        self.report_path = os.path.join(self.folder.name, "report.json")
        super().__init__([program(build), "join", f"ws://{rendezvous.authority}/{room}", "--video", "test", "--audio", "test", "--show", "none",
                          "--seconds", str(seconds), "--report", self.report_path, *options], prefix)

    def hang_up(self, seconds=60):
        """The exit status."""
        self.process.terminate()
        return self.wait(seconds)

    def report(self):
        try:
            with open(self.report_path) as file:
                return json.load(file)
        except (OSError, ValueError):
            return None


def judge_report(report, who, frames, audio_seconds, messages=1, loudness=-50):
    """What a side's report lacks of a call that worked."""
    if report is None:
        return [f"{who} wrote no report"]
    received = report["received"]
    problems = []
    if report["state"] not in ("connected", "closed", "disconnected"):  # the other may have hung up a moment before
        problems.append(f"{who}: state {report['state']}")
    for member, least in (("video_frames", frames), ("video_frames_distinct", frames), ("audio_seconds", audio_seconds), ("data_messages", messages),
                          ("audio_level_dbfs", loudness)):
        if received[member] is None or received[member] < least:
            problems.append(f"{who}: {member} is {received[member]}, not {least} or more")
    for member in ("ice_connected", "dtls_connected", "first_audio", "first_video"):
        if report["timing_ms"][member] is None:
            problems.append(f"{who}: no time of {member}")
    if report["selected_pair"] is None or not report["srtp"] or not report["dtls"]["version"]:
        problems.append(f"{who}: selected_pair {report['selected_pair']}, srtp {report['srtp']}, dtls {report['dtls']}")
    return problems
