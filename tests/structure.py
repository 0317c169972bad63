"""What the architecture promises of the sources and of the built library (docs/architecture.md): who includes whom, that the protocol core is
sans-IO, that public headers compile alone as C and as C++, and that nothing but public functions is exported. Prints TAP.

    python3 tests/structure.py BUILD_DIRECTORY
"""
import glob
import os
import re
import subprocess
import sys
import tempfile

build = sys.argv[1]
tiers = [["base"], ["stun", "sdp", "rtp", "cc"], ["ice", "nat", "dtls", "srtp", "sctp", "media"], ["transport", "jsep"], ["connection"],
         ["runtime"], ["codec", "device"], ["api"]]
tier_of = {folder: i for i, folders in enumerate(tiers) for folder in folders}
forbidden = {"socket", "clock_gettime", "gettimeofday", "time", "pthread_create", "thrd_create", "sleep", "usleep", "nanosleep", "select", "poll",
             "epoll_wait", "sendto", "recvfrom", "sendmsg", "recvmsg", "getaddrinfo", "open", "fopen", "getrandom"}
failures = 0
number = 0


def result(name, problems):
    global failures, number
    number += 1
    print(("not ok" if problems else "ok"), number, name)
    for problem in problems[:20]:
        print("#", problem)
    failures += bool(problems)


problems = []
for path in sorted(glob.glob("lib/*/*.[ch]")):
    folder = path.split("/")[1]
    if folder not in tier_of:
        problems.append(f"{path}: the folder {folder} has no tier")
        continue
    for line_number, line in enumerate(open(path), 1):
        include = re.match(r'#include "([a-z0-9_]+)/', line)
        if include is None:
            if re.match(r'#include "', line):
                problems.append(f"{path}:{line_number}: includes are written from the root of lib/")
            continue
        other = include.group(1)
        if other != folder and (other not in tier_of or tier_of[other] >= tier_of[folder]):
            problems.append(f"{path}:{line_number}: {folder} may not include {other}")
result("every folder includes only folders of lower tiers", problems)

problems = []
objects = sorted(glob.glob(f"{build}/libpeer_core.a.p/*.o"))
for path in objects:
    folder = re.match(r"lib_([a-z0-9]+)_", os.path.basename(path)).group(1)
    if tier_of.get(folder, 99) > tier_of["connection"]:
        continue
    undefined = subprocess.run(["nm", "-u", "--format=posix", path], capture_output=True, text=True, check=True).stdout
    for line in undefined.splitlines():
        symbol = line.split()[0].split("@")[0]
        if symbol in forbidden:
            problems.append(f"{os.path.basename(path)} imports {symbol}()")
result("the protocol core imports no clock, socket, thread or file", problems if objects else ["no objects found"])

problems = []
for header in sorted(glob.glob("include/peer/*.h")):
    with tempfile.TemporaryDirectory() as folder:
        for compiler, suffix, flags in (("cc", "c", ["-std=c11"]), ("c++", "cc", ["-std=c++11"])):
            source = os.path.join(folder, "header." + suffix)
            with open(source, "w") as file:
                file.write(f"#include <peer/{os.path.basename(header)}>\n#include <peer/{os.path.basename(header)}>\nint not_empty;\n")
            run = subprocess.run([compiler, *flags, "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-Iinclude", "-fsyntax-only", source],
                                 capture_output=True, text=True)
            if run.returncode != 0:
                problems.append(f"{header} as {suffix}: {run.stderr.splitlines()[0] if run.stderr else run.returncode}")
result("every public header compiles alone, as C11 and as C++11", problems)

library = f"{build}/libpeer.so"
defined = subprocess.run(["nm", "-D", "--defined-only", "--format=posix", library], capture_output=True, text=True, check=True).stdout
exported = {line.split()[0].split("@")[0] for line in defined.splitlines() if line.split()[1] in "TDBR"}
declared = set()
for header in glob.glob("include/peer/*.h"):
    text = re.sub(r"/\*.*?\*/", "", open(header).read(), flags=re.S)
    for declaration in re.findall(r"PEER_API\s+([^;{]+)", text):
        name = re.search(r"\b(peer_[a-z0-9_]+)\s*\(", declaration)
        if name:
            declared.add(name.group(1))
result("exactly the public functions are exported", [f"{name} is exported, and not public" for name in sorted(exported - declared)] +
       [f"{name} is public, and not exported" for name in sorted(declared - exported)])

problems = []
for header in sorted(glob.glob("include/peer/*.h")):
    lines = open(header).read().splitlines()
    for i, line in enumerate(lines):
        if re.match(r"PEER_API\b", line) and not lines[i - 1].rstrip().endswith("*/"):
            problems.append(f"{header}:{i + 1}: no docstring before {line.strip()[:80]}")
result("every public function has a docstring", problems)

problems = []
for path in sorted(glob.glob("lib/*/*.c") + glob.glob("lib/*/*.h") + glob.glob("include/peer/*.h")):
    if re.search(r"\b(TODO|FIXME|XXX)\b|not (yet )?implemented", open(path).read()):
        problems.append(f"{path} holds a mark of unfinished work")
result("nothing is marked as unfinished", problems)

tests = set()
for path in glob.glob("tests/**/*.c", recursive=True):
    tests |= set(re.findall(r"^TEST\(([a-z0-9_]+)\)", open(path).read(), re.M))
problems = []
for path in sorted(glob.glob("docs/conformance/*.md")):
    for line_number, line in enumerate(open(path), 1):
        if line.startswith("|"):
            named = line.rstrip().rstrip("|").split("|")[-1]
            problems += [f"{path}:{line_number}: there is no test {name}" for name in re.findall(r"`([a-z0-9_]+)`", named) if name not in tests]
result("the tests that the conformance tables name exist", problems)

stripped = os.path.join(tempfile.gettempdir(), f"libpeer-stripped-{os.getpid()}.so")
subprocess.run(["strip", "-o", stripped, library], check=True)
size = os.path.getsize(stripped)
os.unlink(stripped)
print(f"# libpeer.so, stripped: {size} bytes")
result("libpeer.so stripped is smaller than 1 MB", [f"{size} bytes"] if size >= 1_000_000 else [])

print(f"1..{number}")
sys.exit(failures != 0)
