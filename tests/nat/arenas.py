"""Places where calls are made, several at the same time, each with a world of its own."""
import concurrent.futures
import contextlib
import queue
import traceback


class Arena:
    """A world and what runs in it. What is entered on `stack` ends with the arena, the latest first."""

    def __init__(self):
        self.stack = contextlib.ExitStack()

    def close(self):
        self.stack.close()


@contextlib.contextmanager
def several(count, make):
    """As many arenas, make() each; all are closed in every case."""
    arenas = []
    try:
        for _ in range(count):
            arenas.append(make())
        yield arenas
    finally:
        for arena in arenas:
            arena.close()


def run_all(arenas, jobs):
    """Gives each job, a function of an arena, a free one; yields what they return, (problems, result), in the jobs' order."""
    free = queue.Queue()
    for arena in arenas:
        free.put(arena)

    def run(job):
        arena = free.get()
        try:
            return job(arena)
        except Exception:
            return [traceback.format_exc()], None
        finally:
            free.put(arena)
    with concurrent.futures.ThreadPoolExecutor(len(arenas)) as pool:
        yield from pool.map(run, jobs)
