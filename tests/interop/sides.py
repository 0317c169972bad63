"""Two sides of a connection, each a program of ours or a page in a browser, that obey commands while the driver carries their signaling."""
import json
import os
import queue
import subprocess
import tempfile
import threading
import time

PATIENCE_S = 15

# What the pages' scripts begin with: makeSide(open) is a connection that negotiates as W3C WebRTC 10.7 has it, and obeys. open(pc, log) gives the
# commands; what "state" gives is told beside the states of the connection, its log and what has failed.
SCRIPT = """
window.makeSide = open => {
  const out = [], log = [], failures = [];
  let pc, commands, isPolite, makingOffer = false, ignoreOffer = false, settingAnswer = false, chain = Promise.resolve();
  const describe = async () => {
    await pc.setLocalDescription();
    out.push({description: pc.localDescription});
  };
  const receive = async ({description, candidate}) => {
    if (!description) {
      const isOfIgnored = ignoreOffer;
      return pc.addIceCandidate(candidate ?? undefined).catch(error => { if (!isOfIgnored) throw error; });
    }
    const isReady = !makingOffer && (pc.signalingState === 'stable' || settingAnswer);
    ignoreOffer = !isPolite && description.type === 'offer' && !isReady;
    if (ignoreOffer) return;
    settingAnswer = description.type === 'answer';
    await pc.setRemoteDescription(description);
    settingAnswer = false;
    if (description.type === 'offer') await describe();
  };
  return {
    start(polite) {
      isPolite = polite;
      pc = new RTCPeerConnection();
      pc.onicecandidate = ({candidate}) => out.push({candidate});
      pc.onnegotiationneeded = () => {
        makingOffer = true;
        return describe().catch(error => failures.push(String(error))).finally(() => { makingOffer = false; });
      };
      commands = {async hangup() { pc.close(); }, ...open(pc, log)};
    },
    receive: message => chain = chain.then(() => receive(message)).catch(error => { failures.push(String(error)); }),
    take: () => out.splice(0),
    async obey(command) {
      try {
        const states = () => command.do === 'state' && {signalingState: pc.signalingState, connectionState: pc.connectionState, log, failures};
        return {done: command.do, ...await commands[command.do](command), ...states()};
      } catch (error) { return {done: command.do, error: error.name}; }
    },
  };
};
"""


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
            elif "error" in message:
                self.failures.append(message["error"])
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
        if self.process.returncode != 0:
            self.failures.append(f"{os.path.basename(self.program)} ended with status {self.process.returncode}")
        return self.failures


class Page:
    """A page whose script makes window.side by makeSide()."""

    def __init__(self, browser, script, is_polite=False):
        self.browser = browser
        self.name = browser.name
        self.takes_at_most = 262144 if browser.name == "Chromium" else 1073741823
        self.file = tempfile.NamedTemporaryFile("w", suffix=".html")
        self.file.write(f"<!doctype html><meta charset=utf-8><body><script>{SCRIPT}{script}</script>")
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
        self.unheard = set()  # sides whose messages are lost, up to the next description

    def pump(self):
        for side, other in ((self.a, self.b), (self.b, self.a)):
            for message in side.take():
                if "description" in message:
                    self.unheard.discard(side)
                if side not in self.unheard:
                    other.receive(self.translated(message, side))

    def translated(self, message, side):
        """What the other side gets of it."""
        return message

    def lose_description(self, side):
        """Waits for a description, and loses it with its candidates: those that came with it, and those that are still to come."""
        deadline = time.monotonic() + PATIENCE_S
        while not any("description" in message for message in side.take()):
            must(time.monotonic() < deadline, f"{side.name} says nothing")
            time.sleep(0.02)
        self.unheard.add(side)

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


# Who libpeer has as the other side, and whether that one is first: another libpeer, or a browser.
ROLES = ((None, True), ("Chromium", True), ("Chromium", False), ("Firefox", True), ("Firefox", False))


def between(program, script, is_other_first, make_pair, case, *options):
    """case(pair) between libpeer's program and the script in a browser (without one: another libpeer), as a case of the browser. The first of the
    pair offers, the second is the polite one."""
    def run(browser):
        ours = lambda is_polite: Libpeer(program, *["--polite"] * is_polite, *options)
        theirs = lambda is_polite: Page(browser, script, is_polite) if browser is not None else ours(is_polite)
        return run_case(make_pair, *((theirs, ours) if is_other_first else (ours, theirs)), case)
    return run


def run_case(make_pair, make_first, make_second, case):
    """What was wrong when case(pair) ran."""
    both = []
    problems = []
    try:
        for is_polite, make in enumerate((make_first, make_second)):
            both.append(make(bool(is_polite)))
        case(make_pair(*both))
    except Wrong as wrong:
        problems = [str(wrong)]
    finally:
        problems += [problem for side in both for problem in side.close()]
    return problems
