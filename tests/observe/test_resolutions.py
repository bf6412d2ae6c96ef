from __future__ import annotations

import logging

import pytest

from gateway.core.resolution import STALE_S, Finding, Ip, Known, LookUp, after
from gateway.observe.resolutions import OTHER, Resolutions

FOUND = Finding(LookUp.FOUND, (Ip("192.0.2.1"),))
FAILED = Finding(LookUp.FAILED, reason="no answer")
ABSENT = Finding(LookUp.ABSENT, reason="there is no such name")


def tell(resolutions, *findings, name="api", every_s=10.0):
    known, now_s = Known(), 0.0
    for finding in findings:
        now_s += every_s
        before, known = known, after(known, finding, now_s)
        resolutions.looked_up(name, finding, before, known)


TOLD = [
    ([FOUND, FOUND, FOUND], []),
    ([FAILED, FAILED, FAILED], ["WARNING name api: no answer; it has no address"]),
    ([FOUND, FAILED, FAILED, FAILED], ["WARNING name api: no answer; the known addresses stay in use"]),
    (
        [FOUND, FAILED, FAILED, FOUND, FOUND],
        ["WARNING name api: no answer; the known addresses stay in use", "INFO name api: it resolves again"],
    ),
    (
        [FOUND, ABSENT, *[ABSENT] * int(STALE_S // 10), ABSENT, FOUND],
        [
            "WARNING name api: there is no such name; the known addresses stay in use",
            "WARNING name api: there is no such name, its addresses are given up",
            "INFO name api: it resolves again",
        ],
    ),
]


@pytest.mark.parametrize(("findings", "expected"), TOLD)
def test_a_change_is_told_once(caplog, findings, expected):
    with caplog.at_level(logging.DEBUG, logger="gateway.names"):
        tell(Resolutions(), *findings)

    assert [f"{record.levelname} {record.getMessage()}" for record in caplog.records] == expected
    assert all(record.fields == {"name": "api"} for record in caplog.records)


def test_failures_are_counted_by_name_and_outcome():
    resolutions = Resolutions()
    resolutions.expect(["api", "login"])
    tell(resolutions, FOUND, FAILED, FAILED, ABSENT)

    assert resolutions.failures["api"] == {LookUp.FAILED: 2, LookUp.ABSENT: 1}
    assert resolutions.failures["login"] == {LookUp.FAILED: 0, LookUp.ABSENT: 0}


def test_names_that_the_configuration_does_not_hold_share_a_series():
    resolutions = Resolutions()
    resolutions.expect(["api"])
    tell(resolutions, FAILED, name="one.example")
    tell(resolutions, FAILED, name="two.example")

    assert set(resolutions.failures) == {"api", OTHER}
    assert resolutions.failures[OTHER][LookUp.FAILED] == 2
