"""One reload at a time: who asks during one, what is told, and what an end in the middle of it does."""

from __future__ import annotations

import asyncio
import threading

import pytest

from gateway.core.settings.all_settings import ReloadTrigger, Settings
from gateway.generation import CannotChange
from gateway.reloading import Reading, Reloads

SETTINGS = Settings((), None, {}, ())


class Configuration:
    """A configuration whose reading waits until the test lets it go on."""

    def __init__(self, *readings):
        self.readings = list(readings) or [Reading(SETTINGS, sha256="new", contents={"g.yaml": "new"})]
        self.count = 0
        self.may_read = threading.Event()
        self.may_read.set()
        self.is_reading = threading.Event()
        self.used = []
        self.told = []
        first = Reading(SETTINGS, sha256="old", contents={"g.yaml": "old"})
        self.reloads = Reloads(first, self.read, self.use, lambda: 5.0, self.told.append)

    def read(self):
        self.is_reading.set()
        assert self.may_read.wait(20.0)
        found = self.readings[min(self.count, len(self.readings) - 1)]
        self.count += 1
        if isinstance(found, Exception):
            raise found
        return found

    async def use(self, settings):
        self.used.append(settings)
        if isinstance(settings.log, Exception):
            raise settings.log

    async def until_reading(self):
        assert await asyncio.to_thread(self.is_reading.wait, 20.0)
        self.is_reading.clear()


async def test_a_reload_is_told_of_twice_and_its_result_stays():
    config = Configuration()
    config.reloads.ask()
    state = await config.reloads.settled()
    assert (state.sha256, state.attempts, state.asks, state.loaded_at_s) == ("new", 1, 1, 5.0)
    assert [each.is_reloading for each in config.told] == [True, False]
    assert config.told[-1] == state


async def test_ten_who_ask_during_a_reload_get_one_more_together():
    config = Configuration()
    config.may_read.clear()
    config.reloads.ask()
    await config.until_reading()
    for _ in range(10):
        config.reloads.ask()
    config.may_read.set()
    state = await config.reloads.settled()
    assert (config.count, state.asks, state.attempts) == (2, 11, 2)
    assert [each.is_reloading for each in config.told] == [True, False]


@pytest.mark.parametrize(
    ("reading", "problem", "status"),
    [
        (Reading(None, ("g.yaml:1:1: a",), status=2), "g.yaml:1:1: a", 2),
        (OSError("the disk is gone"), "the disk is gone", 1),
        (ValueError("a fault of ours"), "the gateway failed; its log names the place", 1),
        (
            Reading(Settings((), None, {}, (), log=CannotChange("admin: no")), file="g.yaml"),
            "g.yaml: admin: no",
            1,
        ),
        (
            Reading(Settings((), None, {}, (), log=OSError("3:1: listen: taken")), file="g.yaml"),
            "g.yaml:3:1: listen: taken",
            1,
        ),
    ],
)
async def test_what_cannot_be_used_changes_nothing_and_the_next_one_works(reading, problem, status):
    config = Configuration(reading, Reading(SETTINGS, sha256="good"))
    config.reloads.ask()
    state = await config.reloads.settled()
    assert (state.sha256, state.problems, state.status, state.is_well) == ("old", (problem,), status, False)
    config.reloads.ask()
    state = await config.reloads.settled()
    assert (state.sha256, state.problems, state.status, state.attempts) == ("good", (), 0, 2)


async def test_an_end_during_a_reload_waits_for_it_and_begins_no_other():
    config = Configuration()
    config.may_read.clear()
    config.reloads.ask()
    await config.until_reading()
    config.reloads.ask()
    closing = asyncio.create_task(config.reloads.close())
    await asyncio.sleep(0)
    assert not closing.done()
    config.may_read.set()
    await closing
    config.reloads.ask()
    assert (config.count, config.reloads.state.is_reloading) == (1, False)


async def test_what_is_watched_is_what_was_read_last():
    watching = Settings((), None, {}, (), reload=ReloadTrigger.WATCH)
    broken = Reading(None, ("broken",), status=2, contents={"g.yaml": "broken"})
    config = Configuration(Reading(watching, contents={"g.yaml": "2"}), broken, Reading(SETTINGS))
    seen = [config.reloads.watched()]
    for _ in range(3):
        config.reloads.ask()
        seen.append(config.reloads.watched())
        await config.reloads.settled()
        seen.append(config.reloads.watched())
    assert seen == [None, None, {"g.yaml": "2"}, None, {"g.yaml": "broken"}, None, None]
