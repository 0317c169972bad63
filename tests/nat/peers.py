"""Two nat-peer processes in a world, and what their lines say."""
import contextlib
import json
import os
import subprocess
import threading
import time

PATIENCE_S = 60
HANG_UP_PATIENCE_S = 30


class Peer:
    def __init__(self, build, host, role, options, names=None):
        self.role = role
        known = ["sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', names] if names else []
        self.process = subprocess.Popen([*host.prefix, *known, os.path.join(build, "tests", "nat", "nat-peer"), role, *options], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1)
        self.other = None
        self.lines = []  # everything that is not signaling, and the candidates
        self.changed = threading.Condition()
        self.logged = []

    def talk_to(self, other):
        self.other = other
        threading.Thread(target=self._read, daemon=True).start()
        threading.Thread(target=lambda: self.logged.extend(self.process.stderr), daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            message = json.loads(line)
            if "description" in message or "candidate" in message:
                self.other.send(line)
            with self.changed:
                self.lines.append(message)
                self.changed.notify_all()
        with self.changed:
            self.lines.append({"ended": True})
            self.changed.notify_all()

    def send(self, line):
        try:
            self.process.stdin.write(line)
        except (BrokenPipeError, ValueError):
            pass  # it has ended, which whoever waits for it is told

    def wait(self, what, patience_s=PATIENCE_S, after=0):
        """The first line from number `after` on for which what(line) is true, or None when it does not come."""
        deadline = time.monotonic() + patience_s
        with self.changed:
            while True:
                for line in self.lines[after:]:
                    if what(line):
                        return line
                    if "ended" in line:
                        return None
                after = len(self.lines)
                if not self.changed.wait(max(0, deadline - time.monotonic())):
                    return None

    def said(self, key):
        """All lines that have the key."""
        with self.changed:
            return [line[key] for line in self.lines if key in line]

    def report(self):
        with self.changed:
            after = len(self.lines)
        self.send('{"report":true}\n')
        line = self.wait(lambda each: "report" in each, after=after)
        return line["report"] if line is not None else None

    def close(self):
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass

    def kill(self):
        self.process.kill()
        self.process.wait()


class Path:
    """The selected pair of one side: {type, address, protocol, …} of both ends."""

    def __init__(self, stats):
        by_id = {one["id"]: one for one in stats}
        transport = next((one for one in stats if one["type"] == "transport"), {})
        pair = by_id.get(transport.get("selectedCandidatePairId"), {})
        self.local, self.remote = (by_id.get(pair.get(end), {}) for end in ("localCandidateId", "remoteCandidateId"))
        self.exists = bool(pair)


class Call:
    """A call between the hosts of a world; `offerer` is the letter of the one that offers. Options are of nat-peer, for both or for one; `names`
    is a file that takes the place of /etc/hosts. What they say reaches the other from meet() on, which is at once unless `meets` is false."""

    def __init__(self, world, build, offerer, options=(), options_of=None, names=None, meets=True):
        self.peers = {}
        try:
            for letter, host in world.hosts.items():
                self.peers[letter] = Peer(build, host, "offer" if letter == offerer else "answer", [*options, *(options_of or {}).get(letter, ())], names)
        except Exception:
            self.__exit__()
            raise
        if meets:
            self.meet()

    def meet(self):
        self.peers["a"].talk_to(self.peers["b"])
        self.peers["b"].talk_to(self.peers["a"])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for peer in self.peers.values():
            peer.close()
        for peer in self.peers.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                peer.process.wait(HANG_UP_PATIENCE_S)
            peer.kill()

    def endings(self):
        """What was wrong with the ends of the processes, after the call."""
        return [f"{letter} ended with status {peer.process.returncode}" for letter, peer in self.peers.items() if peer.process.returncode != 0]

    def works(self, patience_s=PATIENCE_S):
        """Waits until data has gone both ways; milliseconds from both descriptions known to there, or None."""
        deadline = time.monotonic() + patience_s
        lines = [peer.wait(lambda line: "works" in line, max(0, deadline - time.monotonic())) for peer in self.peers.values()]
        if None in lines:
            return None
        times = [line["works"] for line in lines]
        return max(each["works_ms"] for each in times) - min(each["descriptions_ms"] for each in times)

    def paths(self):
        """The selected pair as each side has it."""
        reports = {letter: peer.report() for letter, peer in self.peers.items()}
        return {letter: Path(report["stats"] if report else []) for letter, report in reports.items()}

    def explain(self):
        """What the sides said, for a failed test."""
        lines = []
        for letter, peer in self.peers.items():
            report = peer.report()
            lines.append(f"{letter}: {report['ice']['conclusion']['text'] if report else 'ended'}")
            with peer.changed:
                lines += [f"{letter}: {json.dumps(line)[:200]}" for line in peer.lines if not {"description", "report", "candidate"} & line.keys()][-8:]
                lines += [f"{letter}: {each['candidate']['candidate']}" for each in peer.lines if each.get("candidate")][:8]
            lines += [f"{letter}: {line.rstrip()}" for line in peer.logged[-8:]]
        return lines
