"""The browsers that cases share: each kind starts for the first of its cases and ends after the last."""
from chromium import ALLOW, Chromium
from firefox import Firefox

# A page of "Chromium as shipped" hides its addresses, as one does that no user has allowed a camera.
KINDS = {"Chromium": lambda: Chromium(ALLOW), "Chromium as shipped": Chromium, "Firefox": Firefox}


def run(tap, cases):
    """Each (kind or None, sentence, case(browser)), those without a browser first, then kind by kind. What case() returns was wrong."""
    for kind in (None, *KINDS):
        run_kind(tap, kind, [(sentence, case) for its_kind, sentence, case in cases if its_kind == kind])


def run_kind(tap, kind, cases):
    browser = None
    try:
        if kind is not None and cases:
            browser = KINDS[kind]()
            tap.note(browser.version)
        for sentence, case in cases:
            tap.run(sentence, lambda: case(browser))
    except Exception as error:
        tap.result(f"{kind} starts", [repr(error)])
    finally:
        if browser is not None:
            browser.close()
