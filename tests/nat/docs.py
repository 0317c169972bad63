"""The sections of docs/nat.md that tests write."""
import os


def write_section(name, text):
    """Replaces what is between the marks `<!-- name: begin -->` and `<!-- name: end -->`."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "nat.md")
    begin, end = (f"<!-- {name}: {mark} -->\n" for mark in ("begin", "end"))
    with open(path) as file:
        before, rest = file.read().split(begin)
    with open(path, "w") as file:
        file.write(before + begin + text + "\n" + end + rest.split(end)[1])
