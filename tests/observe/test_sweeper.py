"""Sweeps: ten a second while anything is open, one a second otherwise, and one when something is opened."""

import asyncio

import pytest

from gateway.observe.sweeper import REST_S, STALE_S, SWEEP_S, Sweeper


class Loop:
    """The clock of a loop and its timers; `run` lets time pass. Its `sweeps` are when a look was called."""

    def __init__(self):
        self.now_s = 100.0
        self.timers = []
        self.sweeps = []
        self.is_busy = False
        self.sweeper = Sweeper(self, [self.sweeps.append], lambda: self.is_busy)

    def time(self):
        return self.now_s

    def call_later(self, delay_s, callback):
        timer = Timer(self, self.now_s + delay_s, callback)
        self.timers.append(timer)
        return timer

    def run(self, seconds):
        """Returns when the sweeps of that time were, counted from its beginning."""
        begin_s, end_s = self.now_s, self.now_s + seconds + 1e-6
        self.sweeps.clear()
        while self.timers and (timer := min(self.timers, key=lambda each: each.at_s)).at_s <= end_s:
            self.now_s = timer.at_s
            self.timers.remove(timer)
            timer.callback()
        self.now_s = begin_s + seconds
        return [round(at_s - begin_s, 3) for at_s in self.sweeps]


class Timer:
    def __init__(self, loop, at_s, callback):
        self.loop, self.at_s, self.callback = loop, at_s, callback

    def cancel(self):
        if self in self.loop.timers:
            self.loop.timers.remove(self)


@pytest.fixture
def loop():
    return Loop()


def test_it_sweeps_ten_times_a_second_while_something_is_open(loop):
    loop.is_busy = True
    loop.sweeper.start()

    assert loop.sweeps == [100.0]
    assert loop.run(0.5) == [0.1, 0.2, 0.3, 0.4, 0.5]


def test_it_rests_while_nothing_is_open(loop):
    loop.sweeper.start()

    assert loop.run(3 * REST_S) == [1.0, 2.0, 3.0]


def test_it_rests_from_the_first_sweep_that_finds_nothing_open(loop):
    loop.is_busy = True
    loop.sweeper.start()
    loop.is_busy = False

    assert loop.run(2.5) == [0.1, 1.1, 2.1]


def test_who_opens_something_wakes_it_and_finds_everything_just_looked_at(loop):
    loop.sweeper.start()
    loop.run(0.3)
    loop.is_busy = True
    loop.sweeper.wake()

    assert loop.sweeps == [100.3]
    assert loop.run(0.2) == [0.1, 0.2]
    assert len(loop.timers) == 1


def test_it_is_not_woken_twice(loop):
    """Callers that come and go quickly cost no more sweeps than one that stays."""
    loop.sweeper.start()
    for _ in range(5):
        loop.is_busy = True
        loop.sweeper.wake()
        loop.is_busy = False

    assert loop.sweeps == [100.0, 100.0]
    assert loop.run(SWEEP_S) == [SWEEP_S]


def test_however_many_come_it_is_woken_ten_times_a_second_at_most(loop):
    """Though none of them can soon be late."""
    loop.sweeper.start()
    for _ in range(50):
        loop.sweeper.wake()

    assert loop.sweeps == [100.0, 100.0]
    assert loop.run(2.5) == [0.1, 1.1, 2.1]
    assert len(loop.timers) == 1


def test_it_is_not_woken_before_its_start_nor_after_its_end(loop):
    loop.sweeper.wake()
    loop.sweeper.start()
    loop.sweeper.stop()
    loop.sweeper.wake()

    assert loop.sweeps == [100.0]
    assert loop.run(10.0) == []


def test_it_is_stale_when_it_should_sweep_and_does_not(loop):
    before = loop.sweeper.is_stale(loop.time() + 2 * STALE_S)
    loop.sweeper.start()
    fresh, late = (loop.sweeper.is_stale(loop.time() + age_s) for age_s in (STALE_S / 2, 2 * STALE_S))
    loop.sweeper.stop()

    assert (before, fresh, late) == (False, False, True)
    assert not loop.sweeper.is_stale(loop.time() + 2 * STALE_S)


def test_it_is_not_stale_while_it_rests(loop):
    assert REST_S < STALE_S / 2
    loop.sweeper.start()
    loop.run(100 * REST_S + 0.9)

    assert not loop.sweeper.is_stale(loop.time())


@pytest.mark.time_lapse
async def test_a_fault_in_one_look_ends_neither_the_others_nor_the_sweeping():
    loop, swept, faults = asyncio.get_running_loop(), asyncio.Queue(), []
    loop.set_exception_handler(lambda _, context: faults.append(context["exception"]))

    def broken(_):
        raise ValueError

    sweeper = Sweeper(loop, [broken, swept.put_nowait, broken], lambda: True)
    sweeper.start()
    times_s = [await asyncio.wait_for(swept.get(), 10) for _ in range(3)]
    sweeper.stop()

    assert times_s == sorted(set(times_s))
    assert {type(fault) for fault in faults} == {ValueError}
    assert len(faults) == 6
