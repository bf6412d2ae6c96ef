"""Files that vanish while the gateway runs are logged once, and again when they are back."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.observe.file_watch import ROUND_S, FileWatch, PemFile, turns_after
from gateway.system.text_file import TextFile

PEM = "-----BEGIN CERTIFICATE-----\n"


def text(path):
    path.write_text("hunter2")
    return TextFile(path)


def pem(path):
    path.write_text(PEM)
    return PemFile(str(path))


@pytest.fixture(params=[text, pem], ids=["secret", "certificate"])
def stage(request, tmp_path, caplog):
    caplog.set_level(logging.INFO)
    path = tmp_path / "file"
    watch = FileWatch([("clients.crm.key", request.param(path))])

    def told():
        watch.look(0.0)
        lines = [(record.levelname, record.getMessage()) for record in caplog.records]
        caplog.clear()
        return lines

    return path, watch, told


def test_a_file_that_vanishes_is_told_once_with_its_key(stage):
    path, watch, told = stage
    assert told() == []
    path.unlink()
    words = f"clients.crm.key: {path} cannot be read: No such file or directory; its last content stays in use until the next start"
    assert told() == [("WARNING", words)]
    assert told() == []
    assert [key for key, _ in watch.troubles()] == ["clients.crm.key"]


def test_it_is_told_when_it_is_back(stage):
    path, watch, told = stage
    path.unlink()
    told()
    path.write_text(PEM.strip())
    assert told() == [("INFO", f"clients.crm.key: {path} was read anew")]
    assert told() == []
    assert list(watch.troubles()) == []


def test_a_file_that_is_replaced_is_told_as_read_anew(stage):
    path, _, told = stage
    path.with_name("new").write_text(PEM.strip())
    path.with_name("new").rename(path)
    assert told() == [("INFO", f"clients.crm.key: {path} was read anew")]


def test_a_file_that_comes_back_as_it_was_is_told_too(stage):
    """A link on the way to it was gone for a moment."""
    path, _, told = stage
    away = path.with_name("away")
    path.rename(away)
    path.symlink_to(away)
    told()
    path.unlink()
    assert [level for level, _ in told()] == ["WARNING"]
    path.symlink_to(away)
    assert told() == [("INFO", f"clients.crm.key: {path} is back")]


def test_what_is_no_file_at_all_is_told_and_never_waited_for(stage):
    path, _, told = stage
    path.unlink()
    path.mkdir()
    assert [level for level, _ in told()] == ["WARNING"]


def test_a_file_that_is_missing_at_the_start_was_told_before(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    path = tmp_path / "ca.pem"
    watch = FileWatch([("clients.crm.tls.ca", PemFile(str(path)))])
    watch.look(0.0)
    assert caplog.records == []
    assert [key for key, _ in watch.troubles()] == ["clients.crm.tls.ca"]
    path.write_text(PEM)
    watch.look(0.1)
    assert [record.getMessage() for record in caplog.records] == [f"clients.crm.tls.ca: {path} was read anew"]


def test_a_few_are_looked_at_with_each_sweep_and_all_of_them_in_a_round():
    class Counting:
        path, trouble, readings, changed_at_s = "", "", 0, 0.0
        looks = 0

        def look(self):
            self.looks += 1

    files = [Counting() for _ in range(50)]
    watch = FileWatch([("k", each) for each in files])
    watch.look(7.0)
    assert sum(each.looks for each in files) == 1
    watch.look(7.1)
    assert sum(each.looks for each in files) == 1 + 3
    for tenth in range(2, 21):
        watch.look(7.0 + tenth / 10)
    assert {each.looks for each in files} <= {1, 2}


@given(count=st.integers(0, 1000), pauses=st.lists(st.floats(0, ROUND_S), max_size=50))
def test_every_file_has_its_turn_within_a_round_however_seldom_there_is_a_look(count, pauses):
    pauses.append(max(0.0, ROUND_S - sum(pauses)))
    turns = [turns_after(pause_s, count) for pause_s in pauses]

    assert sum(turns) >= count
    assert max(turns) <= count


def test_without_files_there_is_nothing_to_look_at():
    FileWatch([]).look(0.0)
