"""Counts the tests of a JUnit report: prints "PASSED FAILED"."""
import sys
import xml.etree.ElementTree as ElementTree

passed = failed = 0
for suite in ElementTree.parse(sys.argv[1]).getroot().iter("testsuite"):
    cases = list(suite.iter("testcase"))
    bad = sum(1 for case in cases if case.find("failure") is not None or case.find("error") is not None)
    # A program that crashed before its last test shows as an error of the suite rather than of a case.
    if bad == 0 and int(suite.get("errors", 0)) + int(suite.get("failures", 0)) > 0:
        bad = 1
        cases.append(None)
    failed += bad
    passed += len(cases) - bad
if passed + failed == 0:
    failed = 1
print(passed, failed)
