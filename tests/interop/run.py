"""Calls with other stacks and real browsers: python3 run.py BUILD [WORD…]. With words only the cases that have one of them in their sentence.
tests/interop/run.sh prepares what is needed. Prints TAP."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import bindings  # noqa: E402
import browsers  # noqa: E402
import channels  # noqa: E402
import libraries  # noqa: E402
import midcall  # noqa: E402
import simulcast  # noqa: E402
from tap import Tap  # noqa: E402

build = os.path.abspath(sys.argv[1])
words = [word.lower() for word in sys.argv[2:]]
tap = Tap()


def wanted(sentence):
    return not words or any(word in sentence.lower() for word in words)


libraries.run(tap, build, wanted)
browsers.run(tap, build, wanted)
channels.run(tap, build, wanted)
midcall.run(tap, build, wanted)
simulcast.run(tap, build, wanted)
bindings.run(tap, build, wanted)
sys.exit(tap.end())
