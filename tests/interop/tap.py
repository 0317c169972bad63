"""Test Anything Protocol: numbered results on standard output, diagnostics as comments."""
import sys
import time
import traceback


class Tap:
    def __init__(self):
        self.count = self.failures = 0

    def result(self, sentence, problems=()):
        self.count += 1
        self.failures += bool(problems)
        print("not ok" if problems else "ok", self.count, "-", sentence)
        for problem in problems:
            for line in str(problem).splitlines()[:40]:
                print("#", line)
        sys.stdout.flush()

    def note(self, text):
        print("#", text, flush=True)

    def run(self, sentence, case):
        """Runs case(), which returns the list of what was wrong, and reports it."""
        started = time.monotonic()
        try:
            problems = case()
        except Exception:
            problems = [traceback.format_exc()]
        self.result(sentence, problems)
        self.note(f"{time.monotonic() - started:.1f} s")

    def end(self):
        print(f"1..{self.count}")
        return 1 if self.failures else 0
