"""What failed tests have said, so that the end of a long log tells it again: python3 tests/failures.py LABEL FILE, of a file of TAP.

Prints "failed: LABEL: …" for each "not ok" line, and under it, indented, some of the lines around it."""
import re
import sys

BEFORE = 8   # lines since the result before, where a program writes what led to the failure
AFTER = 22   # lines up to the next result, where it says what was wrong
RESULT = re.compile(r"(not )?ok\b")
BORING = re.compile(r"$|1\.\.\d+$|# \d+\.\d s$")  # no news: plans, and how long the test before took
REPORT = re.compile(r"ERROR: \w+Sanitizer|WARNING: ThreadSanitizer|runtime error:|Assertion .* failed")


def of_tap(text):
    """(sentence, lines) of each test that failed."""
    failures, passage, after = [], [], None
    for line in text.splitlines():
        if RESULT.match(line):
            after = None
            if line.startswith("not ok"):
                after = passage[-BEFORE:]
                failures.append((line[len("not ok"):].strip(" -"), after))
                room = len(after) + AFTER
            passage = []
        elif not BORING.match(line):
            passage.append(line)
            if after is not None and len(after) < room:
                after.append(line)
    return failures


def of_output(text):
    """The lines that tell why a program ended as it should not: a sanitizer's report from its beginning, else the last ones."""
    lines = [line for line in text.splitlines() if line.strip()]
    start = next((i for i, line in enumerate(lines) if REPORT.search(line)), max(0, len(lines) - BEFORE - AFTER))
    return lines[start:start + BEFORE + AFTER]


def show(label, sentence, lines):
    print(f"failed: {label}: {sentence}")
    for line in lines:
        print("    " + line[:300])


if __name__ == "__main__":
    with open(sys.argv[2], errors="replace") as file:
        for each in of_tap(file.read()):
            show(sys.argv[1], *each)
