"""Calls with other stacks and real browsers: python3 run.py BUILD [WORD…]. With words only the cases that have one of them in their sentence.
tests/interop/run.sh prepares what is needed. Prints TAP."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import bindings  # noqa: E402
import browsers  # noqa: E402
import channels  # noqa: E402
import descriptions  # noqa: E402
import dtmf  # noqa: E402
import fleet  # noqa: E402
import libraries  # noqa: E402
import midcall  # noqa: E402
import simulcast  # noqa: E402
import vp9  # noqa: E402
from tap import Tap  # noqa: E402

build = os.path.abspath(sys.argv[1])
words = [word.lower() for word in sys.argv[2:]]
tap = Tap()
fleet.run(tap, [case for module in (libraries, browsers, channels, midcall, simulcast, dtmf, vp9, bindings) for case in module.cases(build)
                if not words or any(word in case[1].lower() for word in words)])
for news in descriptions.news(build):
    tap.note(news)
sys.exit(tap.end())
