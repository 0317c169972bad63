"""The examples, as a user runs them."""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def test_the_example_is_a_call_under_40_lines_and_ends_by_itself():
    example = os.path.join(os.path.dirname(HERE), "call.py")
    with open(example) as file:
        assert len(file.readlines()) < 40
    ran = subprocess.run([sys.executable, example], capture_output=True, text=True, timeout=150)
    assert ran.returncode == 0 and not ran.stderr, ran.stderr
    for line in ("alice is connected", "bob is connected", "bob reads: Good morning, Bob.", "alice gets audio", "bob gets video"):
        assert line in ran.stdout, ran.stdout
    assert all(int(line.split()[2]) > 1000 for line in ran.stdout.splitlines() if line.startswith("bob got")), ran.stdout
    assert ran.stdout.count("bob got") == 2, ran.stdout


def test_a_program_that_forgets_to_close_ends_too():
    program = "import asyncio, peer\nasync def main():\n    pc = peer.PeerConnection()\n    pc.create_data_channel('x')\n    await pc.set_local_description()\nasyncio.run(main())\n"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=150,
                         env={**os.environ, "PYTHONPATH": os.path.dirname(HERE)})
    assert ran.returncode == 0 and not ran.stderr, ran.stderr
