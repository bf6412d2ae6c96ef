"""The quick reader against the general one: the same tree, or none. That is its only promise."""

from __future__ import annotations

import json
import re
import sys
from io import StringIO
from pathlib import Path
from time import process_time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from gateway.config.problems import BadText
from gateway.config.yaml.parse import _compose
from gateway.config.yaml.quick import quick
from tests.config.documents import load_text

ROOT = Path(__file__).parents[3]
MANY = 1_000_000


def agrees(text):
    """Whether the quick reader read the text; what it read must be what the general one reads without a word."""
    root = quick(text, MANY)
    if root is None:
        return False
    assert _compose(text) == (root, [])
    return True


FILES = [
    *ROOT.glob("*.yaml"),
    *(ROOT / "tests").rglob("*.yaml"),
]
FENCED = [
    pytest.param(text, id=f"{path.name}-{number}")
    for path in sorted((ROOT / "docs").rglob("*.md"))
    for number, text in enumerate(re.findall(r"```yaml\n(.*?)```", path.read_text(), re.DOTALL))
]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_file_of_ours_is_read_alike(path):
    try:
        agrees(path.read_bytes().decode("utf-8-sig"))
    except UnicodeDecodeError:
        return


@pytest.mark.parametrize("text", FENCED)
def test_every_example_of_the_pages_is_read_alike(text):
    agrees(text)


ROUTES = [
    {
        "path": f"/svc{at}",
        "upstream": f"http://127.0.0.1:{9000 + at}/base",
        "methods": ["GET", "POST"],
        "client": "crm",
    }
    for at in range(3)
]
DOCUMENT = {
    "listen": "127.0.0.1:0",
    "admin": "off",
    "log": {"access": "off", "level": "info"},
    "clients": {
        "crm": {"token_endpoint": "https://a/t", "client_id": "010", "client_secret": "${env:SECRET}"}
    },
    "routes": ROUTES,
}
BLOCK = """\
# Who asks, and whom.
listen: 127.0.0.1:0   # any port
admin: off
clients:
  crm: {token_endpoint: 'https://a/t', client_id: "010", client_secret: "${env:SECRET}"}

routes:
- path: /a
  upstream: http://127.0.0.1:9000
  methods: [GET, POST]
  timeout: 30s
  preserve_host: true
  # Überschrift
  max_body: 1024
  headers:
    request:
      set: {X-Tenant: a b, X-Zone: "eu: west #1"}
      remove:
      - Cookie
      - X_Y
-   path: /b
    upstream: unix:/run/legacy.sock
"""


def dumped(**how):
    """As ruamel.yaml writes a document, which is much as PyYAML and others do."""
    out = StringIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    for name, value in how.items():
        setattr(yaml, name, value)
    yaml.dump({**DOCUMENT, "routes": json.loads(json.dumps(ROUTES))}, out)
    return out.getvalue()


WRITTEN = {
    "by people": BLOCK,
    "JSON": json.dumps(DOCUMENT),
    "JSON, indented": json.dumps(DOCUMENT, indent=2) + "\n",
    "JSON, compact": json.dumps(DOCUMENT, separators=(",", ":")),
    "a library": dumped(),
}


@pytest.mark.parametrize("text", WRITTEN.values(), ids=WRITTEN)
def test_what_people_and_programs_write_is_read_quickly(text):
    assert agrees(text)


@pytest.mark.parametrize(
    "text",
    ["", "a", "- a", "a:", "a: b\n c", "a: b\n  c: d", "a: &b c", "a: *b", "a: !b c", "a: 'b''c'", 'a: "\\n"', "a: |\n b",
     "a: yes", "yes: a", "on: a", "a: 010", "a: 1_0", "a: 12:30", "a: null", "a: ~", "a: 2020-01-01", "true: a", "a: off",
     "a: b: c", "a: b #c\nb", "a: {b: off}", "{a: off}", "a: {b}", "a: [b", "a: [b] c", "a: b\na: c", "{a: b, a: c}",
     "a: b\n---\nb: c", "%YAML 1.2\n---\na: b", "a:\tb", "a: b\r\n", "a: \u201cb\u201d", "? a\n: b", " a: b\nc: d", "a:\nb: c",
     "a: b\n- c", "a:\n - b\n- c", "- a: b\n  c: d", "admin: 9090", "log: {access: true}", "a: b\u00a0", "a: -", "..."],
)  # fmt: skip
def test_whatever_is_odd_wrong_or_rare_is_left_to_the_general_reader(text):
    assert quick(text, MANY) is None


def test_a_tree_of_too_many_nodes_is_left_to_the_general_reader():
    text = json.dumps({"a": [1] * 100})

    assert quick(text, 101) is None
    assert quick(text, 102) is not None


PIECES = ["a", "b: c", "admin: off", "off", "key:", "- ", "- a", "x: y", " ", "  ", "\n", "\n", "\n  ", "\n- ", "\n  - ", "#", " # c", "'", '"',
          "[", "]", "{", "}", ",", ", ", ":", ": ", "yes", "1", "0x1", "1.5", "30s", "http://a:80/b", "${env:A}", "'q'", '"q"', "\\", "&a", "*a",
          "?", "!", "|", "~", "%", "@", "null", "-", "é", "\t", "..."]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
@example("a:\n- b\n- c: d\n  e: f\ng: h")
@example("{a: b,}")
@example("a: [b,]")
@example("a: {b: c}#d")
@example('a: "b"#c')
@example("a: b#c")
@example('"a" : b')
@example('{"a":b}')
@example("{a:b}")
@example("a: [b:c, d:,e]")
@example("a: http://b,c")
@settings(max_examples=600, deadline=None)
def test_any_text_is_read_alike_or_not_at_all(text):
    agrees(text)


INDENTS = st.integers(0, 3).map(lambda depth: "  " * depth)
LINES = st.sampled_from(
    [
        "a: b",
        "b: {c: d}",
        "c:",
        "- d",
        "- e: f",
        "f: [g, h]",
        "# i",
        "",
        "j: 'k'",
        "-  l: m",
        "- n:",
        'o: "p" # q',
        "r",
    ]
)


@given(st.lists(st.tuples(INDENTS, LINES).map("".join), max_size=9).map("\n".join))
@settings(max_examples=600, deadline=None)
def test_any_lines_are_read_alike_or_not_at_all(text):
    agrees(text)


@given(st.data(), st.sampled_from([BLOCK, WRITTEN["JSON"], WRITTEN["a library"]]))
@settings(max_examples=300, deadline=None)
def test_a_slip_of_the_pen_is_read_alike_or_not_at_all(data, text):
    at = data.draw(st.integers(0, len(text)))
    slip = data.draw(st.sampled_from([*PIECES, ""]))
    gone = data.draw(st.integers(0, 3))
    agrees(text[:at] + slip + text[at + gone :])


def routes(count):
    return "routes:\n" + "".join(
        f"- path: /svc{at}\n  upstream: http://127.0.0.1:9000/b{at}\n" for at in range(count)
    )


def calls_of(work):
    """Count the calls that it makes: a measure of work on which a busy machine has no influence."""
    calls = 0

    def count(_frame, event, _argument):
        nonlocal calls
        calls += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
    return calls


def least_cpu_s(work):
    def once():
        began_s = process_time()
        work()
        return process_time() - began_s

    return min(once() for _ in range(3))


def test_many_routes_are_read_with_much_less_work_than_the_general_reader_has():
    """Ten times the routes, all steps to the settings included, for less than half of what its tree alone costs."""
    assert calls_of(lambda: load_text(routes(1_000))) < 5 * calls_of(lambda: _compose(routes(100)))


def test_a_large_file_full_of_problems_is_told_in_time_that_grows_with_it():
    def wrong(count):
        return "routes:\n" + "".join(
            f"- {{path: svc{at}, upstrem: http://a, client: none}}\n" for at in range(count)
        )

    def refused(count):
        with pytest.raises(Exception, match="expected a path"):
            load_text(wrong(count))

    refused(10)
    assert least_cpu_s(lambda: refused(1600)) < 8 * least_cpu_s(lambda: refused(400))


def test_a_text_that_cannot_be_looked_into_is_refused_by_the_general_reader():
    with pytest.raises(BadText):
        _compose("")
