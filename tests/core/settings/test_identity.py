"""What an upstream is told of the caller."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.access_errors import CallerNotAllowed
from gateway.core.caller import Caller, WayName
from gateway.core.settings.identity import BadTemplate, IdentityField, identity_lines

CLAIMS = {
    "tenant": "acme",
    "level": 2,
    "admin": True,
    "groups": ["a", "b"],
    "empty": "",
    "none": None,
    "object": {"a": 1},
    "mail": "a@b.test",
    "two": "a@b@c",
    "odd": "a\tb",
    "foreign": "Zoë",
    "commas": ["a,b"],
    "mixed": ["a", 1],
    "nothing": [],
    "long": "x" * 1025,
}
ALICE = Caller(WayName("staff"), "alice", frozenset({"b", "a"}), CLAIMS)


def of(claim):
    return "{caller.claims." + claim + "}"


def line(template, caller=ALICE):
    return IdentityField.of("X-Caller", template).line(caller)


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("{caller.id}", b"alice"),
        ("{caller.way}:{caller.id}", b"staff:alice"),
        ("{caller.scope}", b"a b"),
        ("{caller.claims.tenant}", b"acme"),
        ("{caller.claims.level}", b"2"),
        ("{caller.claims.admin}", b"true"),
        ("{caller.claims.groups}", b"a,b"),
        ("{caller.claims.mail}", b"a@b.test"),
        ("user={caller.id}; tenant={caller.claims.tenant}", b"user=alice; tenant=acme"),
    ],
)
def test_what_is_known_is_told(template, value):
    assert line(template) == b"X-Caller: " + value


@pytest.mark.parametrize("claim", ["absent", "empty", "none", "object", "nothing"])
def test_what_is_not_known_leaves_no_field(claim):
    assert line(of(claim)) is None
    assert line("t=" + of(claim)) is None


def test_no_scope_leaves_no_field():
    assert line("{caller.scope}", Caller(WayName("staff"), "bob")) is None


@pytest.mark.parametrize("claim", ["two", "odd", "foreign", "commas", "mixed", "long"])
def test_what_a_field_cannot_carry_is_refused(claim):
    with pytest.raises(CallerNotAllowed) as raised:
        line(of(claim))

    assert str(CLAIMS[claim])[:20] not in raised.value.detail


@given(st.text())
def test_no_name_of_a_caller_breaks_the_head(name):
    try:
        told = identity_lines([IdentityField.of("X-Caller", "{caller.id}")], Caller(WayName("staff"), name))
    except CallerNotAllowed:
        return
    for each in told:
        assert each == b"X-Caller: " + name.encode("ascii")
        assert b"\r" not in each
        assert b"\n" not in each


@pytest.mark.parametrize(
    "template",
    ["", "alice", "{caller}", "{caller.name}", "{id}", "{caller.id", "{caller.id}}", "{{caller.id}}"],
)
def test_a_template_that_names_nothing_or_something_unknown_is_refused(template):
    with pytest.raises(BadTemplate):
        IdentityField.of("X-Caller", template)
