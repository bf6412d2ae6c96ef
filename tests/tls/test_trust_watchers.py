"""Who watches files is told before anybody shows the new certificate: once, and whoever finds it out."""

from pathlib import Path

import pytest

from gateway.core.settings.client_settings import TlsFiles, TlsVersion
from gateway.tls.tls_context import TrustSettings
from gateway.tls.trust import Trust
from tests.tls.test_trust import looked, newer, ours, pair_in, replace_certificate, replace_key

__all__ = ["newer", "ours"]


def swap(newer: TlsFiles, ours: TlsFiles) -> None:
    replace_certificate(newer, ours)
    replace_key(newer, ours)


class Watcher:
    """Remembers how often it was told, and what it would get at that instant."""

    def __init__(self, trust: Trust, settings: TrustSettings) -> None:
        self.told = 0
        trust.context(settings)
        trust.watch(settings, self.replaced)

    def replaced(self) -> None:
        self.told += 1


async def test_who_watches_is_told_once_for_a_replaced_pair(ours: TlsFiles, newer: TlsFiles):
    trust, settings = Trust(), TrustSettings(None, ours)
    watcher = Watcher(trust, settings)
    await looked(trust)
    assert watcher.told == 0
    replace_certificate(newer, ours)
    await looked(trust)
    assert watcher.told == 0, "the pair does not fit yet"
    replace_key(newer, ours)
    for _ in range(3):
        await looked(trust)
        trust.context(settings)
    assert watcher.told == 1


async def test_every_watcher_is_told(ours: TlsFiles, newer: TlsFiles):
    trust = Trust()
    watchers = [Watcher(trust, TrustSettings(None, ours)) for _ in range(3)]
    watchers.append(Watcher(trust, TrustSettings(None, ours, TlsVersion.TLS_1_3)))
    swap(newer, ours)
    await looked(trust)
    assert [watcher.told for watcher in watchers] == [1] * 4


async def test_who_watches_other_files_is_not_told(tmp_path: Path, ours: TlsFiles, newer: TlsFiles):
    trust = Trust()
    others = [
        Watcher(trust, TrustSettings(None, pair_in(tmp_path / "others"))),
        Watcher(trust, TrustSettings()),
    ]
    watcher = Watcher(trust, TrustSettings(None, ours))
    swap(newer, ours)
    await looked(trust)
    assert ([each.told for each in others], watcher.told) == ([0, 0], 1)


async def test_a_replaced_authority_is_told_too(ours: TlsFiles, newer: TlsFiles):
    trust = Trust()
    watcher = Watcher(trust, TrustSettings(ca_file=ours.certificate))
    replace_certificate(newer, ours)
    await looked(trust)
    assert watcher.told == 1


def test_nobody_gets_a_new_context_before_the_watchers_know(ours: TlsFiles, newer: TlsFiles):
    """An upstream's pool watches; a client with the same certificate, and other authorities, asks for a token."""
    trust, settings = Trust(), TrustSettings(None, ours)
    of_client = TrustSettings(ours.certificate, ours)
    seen = []
    old = trust.context(of_client)
    trust.context(settings)
    trust.watch(settings, lambda: seen.append("told"))
    swap(newer, ours)
    seen.append(trust.context(of_client) is old)
    assert seen == ["told", False]


def test_so_it_is_for_a_client_that_asks_for_the_first_time(ours: TlsFiles, newer: TlsFiles):
    """Its context is built of the new files at once: the watchers must have heard of them by then."""
    trust = Trust()
    watcher = Watcher(trust, TrustSettings(None, ours))
    swap(newer, ours)
    trust.context(TrustSettings(ours.certificate, ours))
    assert watcher.told == 1


def test_files_that_are_replaced_again_while_the_watchers_are_told_are_told_again(
    tmp_path: Path, ours: TlsFiles, newer: TlsFiles
):
    """Whoever is told takes a while; what changes meanwhile must not slip through."""
    trust, settings = Trust(), TrustSettings(None, ours)
    newest, told = pair_in(tmp_path / "newest"), []

    def replaced() -> None:
        told.append(len(told))
        if len(told) == 1:
            swap(newest, ours)

    old = trust.context(settings)
    trust.watch(settings, replaced)
    swap(newer, ours)
    given = trust.context(settings)
    assert told == [0, 1]
    assert given is not old
    assert trust.context(settings) is given


async def test_who_watches_what_could_never_be_used_is_told_of_nothing(tmp_path: Path, ours: TlsFiles):
    trust, told = Trust(), []
    trust.watch(
        TrustSettings(None, TlsFiles(ours.certificate, str(tmp_path / "none"))), lambda: told.append(1)
    )
    await looked(trust)
    assert told == []


@pytest.mark.parametrize("spoilt", ["certificate", "key"])
async def test_files_that_become_unusable_tell_nobody(ours: TlsFiles, spoilt: str):
    """The last good context stays, and so do the connections made with it."""
    trust = Trust()
    watcher = Watcher(trust, TrustSettings(None, ours))
    Path(getattr(ours, spoilt)).write_text("nonsense")
    await looked(trust)
    assert watcher.told == 0


def test_a_file_that_cannot_be_used_is_told_once_however_many_name_it(
    tmp_path: Path, ours: TlsFiles, caplog: pytest.LogCaptureFixture
):
    """A hundred clients of one volume, each with its own certificate, and one file of authorities."""
    trust = Trust()
    all_settings = [TrustSettings(ours.certificate, pair_in(tmp_path / f"c{number}")) for number in range(20)]
    for settings in all_settings:
        trust.context(settings)
    for content in ("nonsense", "other nonsense"):
        caplog.clear()
        Path(ours.certificate).write_text(content)
        for settings in all_settings:
            trust.context(settings)
        (record,) = caplog.records
        assert record.getMessage() == (
            f"tls.ca: {ours.certificate} contains no certificate in PEM form; the last good one stays in use"
        )
