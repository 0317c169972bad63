"""Counts the tests that meson ran, from the reports in a build tree's meson-logs: python3 tests/count.py LABEL LOGS prints "PASSED FAILED", then
each that failed as tests/failures.py does."""
import json
import os
import sys
import xml.etree.ElementTree as ElementTree

from failures import of_output, of_tap, show

label, logs = sys.argv[1:]
passed, bad = 0, []
cases = {}
for suite in ElementTree.parse(os.path.join(logs, "testlog.junit.xml")).getroot().iter("testsuite"):
    names = [(case.get("name"), case.find("failure") is not None or case.find("error") is not None) for case in suite.iter("testcase")]
    passed += sum(not is_bad for _, is_bad in names)
    cases[suite.get("name")] = [name for name, is_bad in names if is_bad]
# A program whose cases were all well may still have crashed, leaked, or run out of time: only the other report tells. It has the output, too.
with open(os.path.join(logs, "testlog.json")) as file:
    for program in map(json.loads, file):
        name, output, errors = program["name"], program.get("stdout") or "", program.get("stderr") or ""
        names = next((names for suite, names in cases.items() if f".{name}." in f".{suite}."), [])
        said = {sentence.split(" ")[0]: lines for sentence, lines in of_tap(output)}  # by number: how sentences are written differs
        for case in names:
            bad.append((f"{name}: {case}", said.get(case.split(" ")[0], []) + of_output(errors)[-10:]))
        if not names and program["result"] not in ("OK", "SKIP", "EXPECTEDFAIL"):
            bad.append((f"{name}: {program['result']}, status {program['returncode']}", output.splitlines()[-3:] + of_output(errors or output)))
if passed == 0 and not bad:
    bad = [("no test ran", [])]
print(passed, len(bad))
for each in bad:
    show(label, *each)
