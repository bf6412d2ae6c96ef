"""A thread beside the loop: one piece after the other, and nobody waits for it."""

import asyncio
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from gateway.system.aside import Aside


async def test_what_is_given_comes_back_and_what_is_raised_is_raised():
    aside = Aside()
    assert await aside.run(lambda: 7) == 7
    with pytest.raises(FileNotFoundError):
        await aside.run(Path("/nowhere").stat)
    assert await aside.run(lambda: threading.current_thread() is threading.main_thread()) is False


async def test_one_piece_is_done_at_a_time_in_the_order_in_which_they_came():
    aside, seen, running = Aside(), [], []

    def piece(number: int) -> None:
        running.append(1)
        seen.append((number, len(running)))
        running.pop()

    await asyncio.gather(*(aside.run(lambda number=number: piece(number)) for number in range(50)))
    assert seen == [(number, 1) for number in range(50)]


async def test_the_loop_goes_on_meanwhile_and_who_left_harms_nobody():
    aside, gate = Aside(), threading.Event()
    leaving = asyncio.create_task(aside.run(gate.wait))
    staying = asyncio.create_task(aside.run(lambda: "done"))
    for _ in range(10):
        await asyncio.sleep(0)
    leaving.cancel()
    with suppress(asyncio.CancelledError):
        await leaving
    assert not staying.done()
    gate.set()
    assert await staying == "done"


async def test_where_no_thread_is_to_be_had_the_loop_does_it_itself(monkeypatch: pytest.MonkeyPatch):
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    aside = Aside()
    assert [await aside.run(lambda: 1), await aside.run(lambda: 2)] == [1, 2]


async def test_the_thread_ends_when_there_is_nothing_to_do():
    aside, threads = Aside(), []
    await aside.run(lambda: threads.append(threading.current_thread()))
    await asyncio.to_thread(threads[0].join, 10.0)
    assert not threads[0].is_alive()


def test_nobody_waits_for_it_at_the_end_of_the_process():
    program = (
        "import asyncio, time\n"
        "from gateway.system.aside import Aside\n"
        "async def main():\n"
        "    Aside().begin(lambda: time.sleep(600))\n"
        "asyncio.run(main())\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60, check=True)
    assert (ended.stdout, ended.stderr) == (b"", b"")
