"""Counts the tests of a JUnit report: prints "PASSED FAILED", then the name of each that failed on a line of its own."""
import sys
import xml.etree.ElementTree as ElementTree

passed = 0
bad = []
for suite in ElementTree.parse(sys.argv[1]).getroot().iter("testsuite"):
    cases = list(suite.iter("testcase"))
    names = [f"{suite.get('name')}: {case.get('name')}" for case in cases if case.find("failure") is not None or case.find("error") is not None]
    passed += len(cases) - len(names)
    # A program that crashed before its last test shows as an error of the suite rather than of a case.
    if not names and int(suite.get("errors", 0)) + int(suite.get("failures", 0)) > 0:
        names = [f"{suite.get('name')}: ended early"]
    bad += names
if passed == 0 and not bad:
    bad = ["no test ran"]
print(passed, len(bad))
for name in bad:
    print(name)
