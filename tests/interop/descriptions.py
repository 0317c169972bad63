"""Live offers and answers: kept in build/interop/sdp, parsed and written again by the library's SDP model, compared line by line."""
import os
import re
import subprocess

from endpoint import HERE

VECTORS = os.path.join(HERE, "..", "vectors", "sdp")


def sections(text):
    """Sorted lines of the session and of each m-line, with the few spellings made equal that mean the same."""
    result = [[]]
    for line in text.splitlines():
        line = line.rstrip()
        if not line:
            continue
        if line.startswith("a=ice-options:"):
            line = line.replace(",", " ")
        line = line.replace("a=msid-semantic: ", "a=msid-semantic:")
        if line.startswith("m="):
            result.append([])
        result[-1].append(line)
    return [sorted(section) for section in result]


def kinds(text):
    return re.findall(r"^m=(\w+)", text, re.M)


def attributes(text):
    return set(re.findall(r"^a=([\w-]+)", text, re.M))


def save_and_check(stem, text, build):
    """Problems with one description of another stack."""
    folder = os.path.join(build, "interop", "sdp")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, stem + ".sdp"), "w", newline="") as file:
        file.write(text)
    run = subprocess.run([os.path.join(build, "tests/interop/interop-sdp")], input=text.encode(), capture_output=True, timeout=10)
    if run.returncode != 0:
        return [f"{stem}: does not parse: {run.stderr.decode()}"]
    problems = []
    before, after = sections(text), sections(run.stdout.decode())
    if before != after:
        lost = [line for section in before for line in section if not any(line in other for other in after)]
        made = [line for section in after for line in section if not any(line in other for other in before)]
        problems.append(f"{stem}: parsed and written again it is another: lost {lost}, made {made}")
    if not set(kinds(text)) <= {"audio", "video", "application"}:
        problems.append(f"{stem}: unknown kinds of media: {kinds(text)}")
    return problems


def news(build):
    """What the saved descriptions have that the kept vectors of their stacks have not: worth a look, and a new vector."""
    folder = os.path.join(build, "interop", "sdp")
    for saved in sorted(os.listdir(folder) if os.path.isdir(folder) else ()):
        vectors = [name for name in os.listdir(VECTORS) if name.startswith(re.split("[-.]", saved)[0][:3]) and name.endswith(".sdp")]
        known = set()
        for name in vectors:
            with open(os.path.join(VECTORS, name)) as file:
                known |= attributes(file.read())
        with open(os.path.join(folder, saved)) as file:
            new = sorted(attributes(file.read()) - known)
        if vectors and new:
            yield f"{saved} has attributes that the kept descriptions of that stack lack: {' '.join(new)}"
