"""Counts the tests that meson ran, from the reports in a build tree's meson-logs: prints "PASSED FAILED", then the name of each that failed on a
line of its own."""
import json
import os
import sys
import xml.etree.ElementTree as ElementTree

logs = sys.argv[1]
passed = 0
bad = []
for suite in ElementTree.parse(os.path.join(logs, "testlog.junit.xml")).getroot().iter("testsuite"):
    cases = list(suite.iter("testcase"))
    names = [f"{suite.get('name')}: {case.get('name')}" for case in cases if case.find("failure") is not None or case.find("error") is not None]
    passed += len(cases) - len(names)
    bad += names
# A program whose cases were all well may still have crashed, leaked, or run out of time: only the other report tells.
with open(os.path.join(logs, "testlog.json")) as file:
    for program in map(json.loads, file):
        if program["result"] not in ("OK", "SKIP", "EXPECTEDFAIL") and not any(f"{program['name']}:" in f"{name}:" for name in bad):
            bad.append(f"{program['name']}: {program['result']}, status {program['returncode']}")
if passed == 0 and not bad:
    bad = ["no test ran"]
print(passed, len(bad))
for name in bad:
    print(name)
