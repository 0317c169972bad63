#!/usr/bin/env python3
"""Runs the package's tests: run.py [WORD…]; with words only the tests that name one. Prints TAP."""
import asyncio
import os
import sys
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.dirname(HERE), HERE]

import test_calls  # noqa: E402
import test_channels  # noqa: E402
import test_media  # noqa: E402
import test_negotiation  # noqa: E402

PATIENCE_S = 180


def main():
    words = sys.argv[1:]
    tests = [(name[5:], function) for module in (test_negotiation, test_channels, test_media, test_calls) for name, function in vars(module).items()
             if name.startswith("test_") and (not words or any(word in name for word in words))]
    failures = 0
    print(f"1..{len(tests)}")
    for number, (name, function) in enumerate(tests, 1):
        try:
            if asyncio.iscoroutinefunction(function):
                asyncio.run(asyncio.wait_for(function(), PATIENCE_S))
            else:
                function()
            print(f"ok {number} - {name}", flush=True)
        except Exception:
            failures += 1
            print(f"not ok {number} - {name}")
            print("# " + traceback.format_exc().rstrip().replace("\n", "\n# "), flush=True)
    return failures != 0


if __name__ == "__main__":
    sys.exit(main())
