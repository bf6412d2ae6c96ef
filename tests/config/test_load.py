"""The whole way from the file to `Settings`: golden files, and properties over arbitrary documents."""

from __future__ import annotations

import json
import stat
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from gateway.config import (
    ConfigError,
    ConfigUnreadable,
    json_schema,
    load,
    load_all,
)
from gateway.config.yaml.quick import quick
from gateway.config_text import contents_now
from gateway.core.config_place import ConfigVariable
from tests.config.documents import CLIENT, ENVIRON, ROUTE, SECRET, load_text

BROKEN = Path(__file__).parent / "broken"
WARNED = Path(__file__).parent / "warned"
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("path", sorted(BROKEN.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_broken_file_has_exactly_the_problems_that_stand_beside_it(path):
    with pytest.raises(ConfigError) as caught:
        load(path, ENVIRON)
    shown = str(caught.value).replace(f"{BROKEN}/", "")
    assert shown == path.with_suffix(".txt").read_text().rstrip("\n")


@pytest.mark.parametrize("path", sorted(BROKEN.glob("*.yaml")), ids=lambda path: path.stem)
def test_no_broken_file_has_a_secret_in_its_problems_or_in_the_error(path):
    with pytest.raises(ConfigError) as caught:
        load(path, ENVIRON)
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(caught.value)
    assert "hunter2" not in repr(caught.value.problems)


@pytest.mark.parametrize("path", sorted(WARNED.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_odd_file_loads_with_exactly_the_warnings_that_stand_beside_it(path):
    shown = "\n".join(load(path, ENVIRON).warnings).replace(f"{WARNED}/", "")
    assert shown == path.with_suffix(".txt").read_text().rstrip("\n")
    assert "hunter2" not in shown


def test_problems_are_sorted_by_position_and_stand_once():
    for path in BROKEN.glob("*.yaml"):
        with pytest.raises(ConfigError) as caught:
            load(path, ENVIRON)
        places = [(problem.line, problem.column) for problem in caught.value.problems]
        assert places == sorted(places)
        assert len(set(caught.value.problems)) == len(places)


def test_an_alias_is_read_as_what_it_stands_for():
    text = f"clients: {{a: &a {CLIENT}, b: *a}}\n" + ROUTE
    settings = load_text(text)
    assert [client.credentials[0]().reveal() for client in settings.clients.values()] == [SECRET, SECRET]


NUMBERS = """\
{limits: {headers: "${env:N}", target: "${env:N}", replay: "${env:SIZE:-4KiB}"}, grace: "${env:D:-30s}",
 routes: [{path: /, upstream: 'http://127.0.0.1:9500', strip_prefix: "${env:STRIP}", timeout: "${env:T:-1m}"}]}
"""
AS_BLOCK = """\
limits:
  headers: ${env:N}
  target: ${env:N}
  replay: ${env:SIZE:-4KiB}
grace: ${env:D:-30s}
routes:
  - path: /
    upstream: http://127.0.0.1:9500
    strip_prefix: ${env:STRIP}
    timeout: ${env:T:-1m}
"""
AS_JSON = json.dumps(YAML(typ="safe", pure=True).load(NUMBERS))
BY_THE_SLOW_READER = "--- # a document\n" + AS_BLOCK


@pytest.mark.parametrize("text", [NUMBERS, AS_BLOCK, AS_JSON, BY_THE_SLOW_READER])
def test_references_give_numbers_durations_sizes_and_flags_however_they_are_written(text):
    settings = load_text(text, {"N": "200", "D": "", "STRIP": "true", "T": "1500ms\n"})
    limits, route = settings.limits, settings.routes[0]
    assert (limits.headers, limits.target_bytes, limits.replay_bytes) == (200, 200, 4096)
    assert (settings.grace_s, route.timeouts.total_s, route.strips_prefix) == (30.0, 1.5, True)
    assert settings.referenced == frozenset()


def test_the_numbers_are_read_by_both_readers_of_yaml():
    are_left = [quick(text, 1000) is None for text in (AS_BLOCK, AS_JSON, BY_THE_SLOW_READER)]
    assert are_left == [False, False, True]


def test_a_text_that_looks_like_a_number_stays_text():
    text = "clients: {crm: " + CLIENT.replace("me,", "'${env:ID:-0123}',") + "}\n" + ROUTE
    assert [client.grant.client_id for client in load_text(text).clients.values()] == ["0123"]


def test_a_byte_order_mark_is_not_part_of_the_first_key(tmp_path):
    path = tmp_path / "gateway.yaml"
    path.write_text("\ufeff" + ROUTE, encoding="utf-8")
    assert len(load(path, {}).routes) == 1


def test_a_text_of_the_environment_is_read_and_never_looked_at_for_changes(tmp_path, monkeypatch):
    (tmp_path / "grace").write_text("5s")
    monkeypatch.chdir(tmp_path)
    text = "grace: ${file:grace}\n" + ROUTE
    loaded = load_all(ConfigVariable(), {"GATEWAY_CONFIG": text})

    assert loaded.settings is not None
    assert loaded.settings.grace_s == 5.0
    assert loaded.sha256 == sha256(text.encode()).hexdigest()
    assert set(loaded.contents) == {f"{tmp_path}/grace"}
    assert contents_now(ConfigVariable(), loaded.contents) == loaded.contents


def test_a_missing_file_is_one_line_that_names_it(tmp_path):
    path = tmp_path / "gateway.yaml"
    with pytest.raises(ConfigUnreadable) as caught:
        load(path, {})
    assert str(caught.value) == f"{path}: cannot be read: No such file or directory"


def test_a_folder_is_no_configuration(tmp_path):
    assert stat.S_ISDIR(tmp_path.stat().st_mode)
    with pytest.raises(ConfigUnreadable):
        load(tmp_path, {})


def test_a_file_of_16_mebibytes_is_read_and_one_byte_more_is_not(tmp_path):
    path = tmp_path / "gateway.yaml"
    padding = "#" * (16 * 1024 * 1024 - len(ROUTE))
    path.write_text(ROUTE + padding)
    assert len(load(path, {}).routes) == 1
    path.write_text(ROUTE + padding + "#")
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    assert [problem.message for problem in caught.value.problems] == ["the file is larger than 16 MiB"]


# ── arbitrary documents ───────────────────────────────────────────────────────────────────────────


def _keys() -> list[str]:
    found: set[str] = set()

    def collect(shape):
        if isinstance(shape, dict):
            found.update(shape.get("properties", {}))
            for below in shape.values():
                collect(below)
        elif isinstance(shape, list):
            for below in shape:
                collect(below)

    collect(json_schema())
    return sorted(found)


leaves = st.one_of(
    st.sampled_from(
        [SECRET, f"http://{SECRET}@h/", "${env:SECRET}", "http://${env:SECRET}", "/${env:SECRET}"]
    ),
    st.sampled_from(["127.0.0.1:8080", "/a", "https://a/t", "GET", "crm", "30s", "64KiB", "off", "anyone"]),
    st.booleans(),
    st.integers(-5, 500),
    st.floats(allow_nan=False),
    st.none(),
    st.text(max_size=8),
)
keys = st.one_of(st.sampled_from(_keys()), st.sampled_from(["crm", "x"]), st.text(max_size=4))
trees = st.recursive(
    leaves,
    lambda below: st.one_of(st.lists(below, max_size=3), st.dictionaries(keys, below, max_size=5)),
    max_leaves=25,
)
clients = st.dictionaries(st.just("crm"), st.dictionaries(keys, trees, max_size=5), max_size=1)
routes = st.lists(st.dictionaries(keys, trees, max_size=5), max_size=3)
documents = st.fixed_dictionaries(
    {}, optional={"clients": clients | trees, "routes": routes | trees}
).flatmap(lambda base: st.dictionaries(keys, trees, max_size=3).map(lambda more: {**more, **base}))


@given(documents)
def test_any_document_loads_or_is_refused_in_our_words_without_the_secret(document):
    text = json.dumps(document, ensure_ascii=True)
    try:
        settings = load_text(text)
    except ConfigError as error:
        assert error.problems
        assert "hunter2" not in str(error)
        assert "cannot be used here" not in str(error)
        assert all("\n" not in str(problem) for problem in error.problems)
    else:
        assert settings.routes


@given(st.text(alphabet="ab: -[]{}#&*!|>'\"%@`\n\t,?~<0123", max_size=40))
def test_any_text_is_read_or_refused(text):
    try:
        load_text(text)
    except ConfigError as error:
        assert error.problems


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("bytes") / "gateway.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError):
        load(path, {})


def test_every_broken_file_is_what_other_readers_call_yaml_or_says_why_not():
    """The golden files test our reading of YAML; those about keys must be YAML to everybody."""
    for path in BROKEN.glob("*.yaml"):
        if "unknown key" in path.with_suffix(".txt").read_text() and path.stem != "merge_key":
            YAML(typ="safe", pure=True).load(path.read_text())
