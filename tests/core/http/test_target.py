import re
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import AmbiguousPath, MalformedRequest
from gateway.core.http.target import Target, is_plain, other_readings, read_target

PATHS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="?#")).map(
    "/".__add__
)
QUERIES = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="#")).map(
    "?".__add__
)


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("/", Target("/", "")),
        ("/a/b", Target("/a/b", "")),
        ("/a?", Target("/a", "?")),
        ("/a?b=c?d", Target("/a", "?b=c?d")),
        ("//a", Target("//a", "")),
        ("*", Target("*", "")),
        ("http://a.test", Target("/", "", "a.test")),
        ("http://a.test/", Target("/", "", "a.test")),
        ("http://a.test?b", Target("/", "?b", "a.test")),
        ("http://a.test?b/c", Target("/", "?b/c", "a.test")),
        ("HTTPS://A.test:8443/b?c", Target("/b", "?c", "A.test:8443")),
        ("http://[::1]:80/b", Target("/b", "", "[::1]:80")),
        ("http://a//b", Target("//b", "", "a")),
    ],
)
def test_a_target_is_taken_apart(text, target):
    assert read_target(text) == target


@pytest.mark.parametrize(
    "text",
    ["", "a", "a/b", "?a", "**", "*?a", "ftp://a/", "http:/a", "http:a", "http://", "http:///a", "http://?a",
     "http://u@a/", "http://u:p@a/", "/a#b", "/a?b#c", "http://a/#b", "mailto:a@b", "a.test:443", "://a/"],
)  # fmt: skip
def test_what_is_no_target_is_refused(text):
    with pytest.raises(MalformedRequest):
        read_target(text)


def test_no_refusal_of_a_target_quotes_it():
    with pytest.raises(MalformedRequest) as refusal:
        read_target("http://user:my-password@a.test/")

    assert "my-password" not in refusal.value.detail


@given(PATHS, QUERIES | st.just(""))
def test_path_and_query_together_are_what_was_received(path, query):
    target = read_target(path + query)

    assert target.path + target.query == path + query
    assert target.authority is None


@given(PATHS, QUERIES | st.just(""))
def test_an_absolute_form_has_the_path_and_query_of_its_origin_form(path, query):
    absolute, origin = read_target(f"http://a.test{path}{query}"), read_target(path + query)

    assert (absolute.path, absolute.query) == (origin.path, origin.query)


@given(st.text())
def test_any_text_is_a_target_or_our_error(text):
    try:
        read_target(text)
    except MalformedRequest:
        return


@pytest.mark.parametrize(
    "path", ["/", "/a", "/a/b.c/d-e_f~g", "/a..b", "/a.", "/a/b:c@d", "/a,b&c=d+e!$'()*"]
)
def test_an_ordinary_path_is_plain(path):
    assert is_plain(path)
    assert set(other_readings(path)) == {path}


@pytest.mark.parametrize(
    "path", ["/%41", "/.a", "/..", "//", "/a\\b", "/a;b", "/a b\x00", "/\x7f", "/\udcff", "/a\n"]
)
def test_a_path_that_needs_a_second_look_is_not_plain(path):
    assert not is_plain(path)


@pytest.mark.parametrize(
    "path",
    [
        "/..", "/.", "/a/..", "/a/../b", "/a/./b", "/./a", "/a/%2e%2e", "/a/%2E./b", "/a/.%2e", "/%2e", "/%2e%2e%2f",
        "/a/..%2fb", "/a%2f..", "/a/%252e%252e", "/a%252f..%252fb", "/a/..;", "/a/..;x=y/b", "/a/.;/b", "/a/..%3bx",
        "/a\\b", "/\\", "/a\x01", "/a\x7f", "/a\n", "/a%5c..", "/..%5Ca", "/a%5c.%5cb", "/a%255c..%255cb", "/..%00", "/..%2500",
        "/a/..%0a/b", "/.%0d./a", "/%2e%00%2e", "/a%00..%5cb", "/..;%5c", "/a;x%5c../b", "/..%3f", "/..%23/b", "/.%253Fx",
    ],
)  # fmt: skip
def test_a_path_with_a_second_meaning_is_refused(path):
    with pytest.raises(AmbiguousPath):
        list(other_readings(path))


@pytest.mark.parametrize(
    ("path", "reading"),
    [
        ("/%61dmin", "/admin"),
        ("/%2561dmin", "/admin"),
        ("//admin", "/admin"),
        ("///a//b", "/a/b"),
        ("/a%2Fb", "/a/b"),
        ("/%2fadmin", "/admin"),
        ("/admin;x=1/users", "/admin/users"),
        ("/admin%3bx/users", "/admin/users"),
        ("/;x/admin", "/admin"),
        ("/admin%5cusers", "/admin/users"),
        ("/%5Cadmin", "/admin"),
        ("/x%255cadmin", "/x/admin"),
        ("/admin%00", "/admin/"),
        ("/admin%0a.json", "/admin/.json"),
        ("/ad%0dmin", "/admin"),
        ("/ad%2509min%5cx;y", "/admin/x"),
        ("/admin%3Fx", "/admin/x"),
        ("/admin%2523", "/admin/"),
    ],
)
def test_other_servers_readings_are_yielded(path, reading):
    assert reading in list(other_readings(path))


@pytest.mark.parametrize(
    "path",
    [
        "/users/CORP%5Cjohn",
        "/users/CORP%255cjohn",
        "/a%0Ab",
        "/a%00",
        "/a%2500",
        "/a%7f",
        "/a%09b",
        "/a%3Fb%23c",
    ],
)
def test_an_encoded_backslash_or_control_byte_is_data(path):
    assert list(other_readings(path))


PIECES = [
    "a",
    "/",
    "%2e",
    ".",
    "..",
    "%2F",
    "%5c",
    "%255c",
    "%00",
    "%0A",
    ";",
    "%3b",
    "%3F",
    "%25",
    "//",
    "%c3%a9",
]


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join).map("/".__add__))
def test_no_reader_finds_a_dot_segment_in_a_path_that_passes(path):
    """A naive reader of each kind: decodes up to twice, then cuts or removes what it does not like."""
    try:
        list(other_readings(path))
    except AmbiguousPath:
        return
    for text in (path, unquote(path, "latin-1"), unquote(unquote(path, "latin-1"), "latin-1")):
        cut = re.sub(r"[\\?#\x00-\x1f\x7f]", "/", text)
        removed = re.sub(r"[\x00-\x1f\x7f]", "", text.replace("\\", "/"))
        for reading in (text, cut, removed, re.sub(";[^/]*", "", cut), re.sub(";[^/]*", "", removed)):
            assert not {".", ".."} & set(reading.split("/"))


@given(st.text(st.characters(codec="latin-1")).map("/".__add__))
def test_readings_are_bounded_and_hold_no_dot_segment(path):
    try:
        readings = list(other_readings(path))
    except AmbiguousPath:
        return
    assert len(readings) <= 18
    assert not [each for each in readings if {".", ".."} & set(each.split("/"))]


@given(
    st.lists(st.sampled_from(["a", "%2e", ".", "..", "%2F", "/", "\\", ";", "%25", "%", "%c3%a9", "~"])).map(
        "".join
    )
)
def test_a_plain_path_has_no_other_reading(path):
    if is_plain("/" + path):
        assert set(other_readings("/" + path)) == {"/" + path}


@given(st.text(st.characters(exclude_categories=[])).map("/".__add__))
def test_any_path_has_readings_or_is_refused(path):
    """Also one whose bytes were no UTF-8, which the parser hands over as surrogates."""
    try:
        list(other_readings(path.encode("utf-8", "replace").decode("utf-8", "surrogateescape")))
    except AmbiguousPath:
        return
