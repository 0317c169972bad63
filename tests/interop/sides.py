"""Two sides of a connection, each a program of ours or a page in a browser, that obey commands while the driver carries their signaling."""
import json
import os
import queue
import subprocess
import tempfile
import threading
import time

PATIENCE_S = 15


class Libpeer:
    """A program of ours that reads commands and signaling as JSON lines."""
    name = "libpeer"
    takes_at_most = 262144

    def __init__(self, program, *options):
        self.program = program
        self.process = subprocess.Popen([program, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, bufsize=1)
        self.answers = queue.Queue()
        self.outgoing = queue.Queue()
        self.failures = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            message = json.loads(line)
            if "done" in message:
                self.answers.put(message)
            elif "failure" in message:
                self.failures.append(message["failure"])
            else:
                self.outgoing.put(message)

    def take(self):
        messages = []
        while not self.outgoing.empty():
            messages.append(self.outgoing.get())
        return messages

    def receive(self, message):
        self.process.stdin.write(json.dumps(message) + "\n")

    def do(self, what, **arguments):
        self.process.stdin.write(json.dumps({"do": what, **arguments}) + "\n")
        return self.answers.get(timeout=PATIENCE_S)

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        return [] if self.process.returncode == 0 else [f"{os.path.basename(self.program)} ended with status {self.process.returncode}"]


class Page:
    """A page whose script makes window.side: start(polite), receive(message), take() and obey(command)."""

    def __init__(self, browser, script, is_polite=False):
        self.browser = browser
        self.name = browser.name
        self.takes_at_most = 262144 if browser.name == "Chromium" else 1073741823
        self.file = tempfile.NamedTemporaryFile("w", suffix=".html")
        self.file.write(f"<!doctype html><meta charset=utf-8><body><script>{script}</script>")
        self.file.flush()
        self.page = browser.open(f"file://{self.file.name}")
        deadline = time.monotonic() + PATIENCE_S
        while not browser.evaluate(self.page, "return !!window.side;"):
            if time.monotonic() > deadline:
                raise TimeoutError("the page does not load")
            time.sleep(0.02)
        browser.evaluate(self.page, f"window.side.start({str(is_polite).lower()}); return true;")

    def _call(self, function, argument):
        text = json.dumps(json.dumps(argument))
        return json.loads(self.browser.evaluate(self.page, f"return window.JSON.stringify(await window.side.{function}(window.JSON.parse({text})) ?? null);"))

    def take(self):
        return json.loads(self.browser.evaluate(self.page, "return window.JSON.stringify(window.side.take());"))

    def receive(self, message):
        self._call("receive", message)

    def do(self, what, **arguments):
        return self._call("obey", {"do": what, **arguments})

    def close(self):
        failures = self.do("state")["failures"]
        self.browser.evaluate(self.page, "window.side.obey({do: 'hangup'}); return true;")
        self.browser.leave(self.page)
        self.file.close()
        return failures


class Wrong(Exception):
    pass


class Pair:
    """Two sides; a is the one that offers. Signaling is carried whenever something is waited for."""

    def __init__(self, a, b):
        self.a, self.b = a, b

    def pump(self):
        for side, other in ((self.a, self.b), (self.b, self.a)):
            for message in side.take():
                other.receive(message)

    def wait(self, what, condition, seconds=PATIENCE_S):
        """Until condition(state of a, state of b); both states."""
        deadline = time.monotonic() + seconds
        while True:
            self.pump()
            states = self.a.do("state"), self.b.do("state")
            if condition(*states):
                return states
            if time.monotonic() > deadline:
                raise Wrong(f"{what} does not come: {brief(states[0])}; {brief(states[1])}")
            time.sleep(0.02)

    def wait_alone(self, side, condition, seconds=PATIENCE_S):
        """Until condition(state) of one side, while nothing is carried; its state."""
        deadline = time.monotonic() + seconds
        while True:
            state = side.do("state")
            if condition(state):
                return state
            if time.monotonic() > deadline:
                raise Wrong(f"{side.name} alone: {brief(state)}")
            time.sleep(0.02)


def brief(state):
    text = json.dumps(state)
    return text if len(text) < 900 else text[:900] + "…"


def must(condition, sentence):
    if not condition:
        raise Wrong(sentence)


def both_ways(pair):
    return ((pair.a, pair.b), (pair.b, pair.a))


def position(state, entry):
    return state["log"].index(entry) if entry in state["log"] else -1


def run_case(make_pair, make_a, make_b, case):
    """What was wrong when case(pair) ran."""
    both = []
    try:
        both = [make_a(), make_b()]
        case(make_pair(*both))
        problems = []
    except Wrong as wrong:
        problems = [str(wrong)]
    finally:
        left = [problem for side in both for problem in side.close()]
    return problems + left
