"""A child that speaks JSON lines (the protocol is in peer.c), and two of them joined to a call."""
import json
import os
import queue
import subprocess
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))


class Endpoint:
    """One side. Whatever it sends for the other goes to `deliver`; descriptions and errors are kept."""

    def __init__(self, name, command):
        self.name = name
        self.errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True, bufsize=1)
        self.deliver = None
        self.reports = queue.Queue()
        self.descriptions = []
        self.candidates = []
        self.complaints = []
        self.other_lines = []

    def start_reading(self, deliver):
        self.deliver = deliver
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            try:
                message = json.loads(line)
            except ValueError:
                self.other_lines.append(line.rstrip())
                continue
            if "report" in message:
                self.reports.put(message["report"])
            elif "error" in message:
                self.complaints.append(f"{self.name}: {message}")
            elif "description" in message or "candidate" in message:
                if "description" in message:
                    self.descriptions.append(message["description"])
                elif message["candidate"]:
                    self.candidates.append(message["candidate"])
                self.deliver(line)

    def send(self, line):
        try:
            self.process.stdin.write(line if line.endswith("\n") else line + "\n")
            self.process.stdin.flush()
        except (BrokenPipeError, ValueError):
            pass

    def report(self, timeout=3):
        """A fresh report, or None if there is none in time."""
        while not self.reports.empty():
            self.reports.get()
        self.send('{"report":true}')
        try:
            return self.reports.get(timeout=timeout)
        except queue.Empty:
            return None

    def close(self):
        """Hangs up; gives the exit status."""
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        try:
            self.process.wait(3)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        return self.process.returncode

    def trouble(self):
        """What it complained about, for diagnostics."""
        self.errors.seek(0)
        lines = self.errors.read().splitlines()[-12:]
        return self.complaints[:8] + [f"{self.name} stderr: {line}" for line in lines]


def call(offering, answering, is_enough, seconds):
    """Lets two commands, (name, argv), call each other until is_enough(offering report, answering report) is [] or the time is up. Gives
    what was not enough, both reports and both endpoints."""
    sides = [Endpoint(*offering), Endpoint(*answering)]
    reports = [None, None]
    problems = ["nothing was reported"]
    try:
        sides[1].start_reading(sides[0].send)
        sides[0].start_reading(sides[1].send)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            time.sleep(0.25)
            reports = [side.report() for side in sides]
            for side in sides:
                if side.process.poll() is not None:
                    raise RuntimeError(f"{side.name} ended with status {side.process.returncode}")
            if None in reports:
                continue
            problems = is_enough(*reports)
            if not problems:
                break
    except RuntimeError as error:
        problems = [str(error)]
    finally:
        for side in sides:
            status = side.close()
            if status != 0 and not problems:
                problems = [f"{side.name} ended with status {status} after the call"]
    if problems:
        problems += [line for side in sides for line in side.trouble()]
    return problems, reports, sides
