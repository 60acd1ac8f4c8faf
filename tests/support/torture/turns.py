"""Several loaders at once, by a seed: one runs at a time, and at each pause the next one is drawn."""

import threading
from collections.abc import Callable
from random import Random


class Turns:
    """Gives the turn to one thread after the other; a thread that `run` did not start never waits."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._changed = threading.Condition()
        self._running: dict[int, int] = {}
        self._turn = -1

    def pause(self) -> None:
        """Another loader may go first here."""
        mine = self._running.get(threading.get_ident())
        if mine is None:
            return
        with self._changed:
            self._draw()
            self._changed.wait_for(lambda: self._turn == mine)

    def run(self, *works: Callable[[], None]) -> None:
        """Do all of these side by side, and return when all have ended; raises the first error of them."""
        failures: list[BaseException] = []
        ready = threading.Barrier(len(works) + 1)

        def one(number: int, work: Callable[[], None]) -> None:
            self._running[threading.get_ident()] = number
            ready.wait()
            try:
                with self._changed:
                    self._changed.wait_for(lambda: self._turn == number)
                work()
            except BaseException as error:  # raised again in the thread that waits
                failures.append(error)
            finally:
                with self._changed:
                    del self._running[threading.get_ident()]
                    self._draw()

        threads = [threading.Thread(target=one, args=pair) for pair in enumerate(works)]
        for thread in threads:
            thread.start()
        ready.wait()
        with self._changed:
            self._draw()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]

    def _draw(self) -> None:
        left = sorted(self._running.values())
        self._turn = self._random.choice(left) if left else -1
        self._changed.notify_all()
