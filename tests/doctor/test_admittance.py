"""Who would be let in, as the operator describes a caller."""

from ipaddress import ip_network

import pytest

from gateway.core.access_errors import CallerNotAllowed, CredentialMissing, ScopeInsufficient
from gateway.core.caller import WayName
from gateway.core.http.outbound import CallerFields
from gateway.core.http.request_head import HeadReader
from gateway.core.settings.access_settings import AccessEntry, AccessRule, ApiKeyWay, NetworkWay, WaySettings
from gateway.core.settings.all_settings import Limits
from gateway.doctor.admittance import NOBODY, UnknownWay, admitted, described

STAFF, OFFICE = WayName("staff"), WayName("office")
WAYS = {
    STAFF: WaySettings(STAFF, ApiKeyWay("keys.toml")),
    OFFICE: WaySettings(OFFICE, NetworkWay((ip_network("10.0.0.0/8"),))),
}
RULE = AccessRule(
    (
        AccessEntry((STAFF,), frozenset({"read"}), (("tenant", ("acme",)),)),
        AccessEntry((STAFF, OFFICE)),
    )
)
HEAD = HeadReader(Limits()).read("GET", "/", (1, 1), [(b"Host", b"a")])


def ask(*names, scope="", claims=(), address=b"192.0.2.1"):
    who = described(names, scope, claims, WAYS)
    return admitted(RULE, WAYS, who, HEAD, CallerFields(address, b"http", is_trusted=False))


def test_a_caller_is_let_in_by_the_entry_that_it_satisfies():
    caller, entry = ask("staff:alice", scope="read write", claims=("tenant=acme",))

    assert (caller.way, caller.id, entry) == ("staff", "alice", 0)


def test_its_address_counts_as_it_is():
    assert ask("staff", address=b"10.0.0.7")[1] == 1


@pytest.mark.parametrize(
    ("how", "kind", "words"),
    [
        ({}, CredentialMissing, "staff with scope read and tenant acme: not known as staff"),
        ({"names": ("staff",), "claims": ("tenant=acme",)}, ScopeInsufficient, "a condition does not hold"),
        ({"names": ("staff",), "scope": "read"}, CallerNotAllowed, "staff and office: not known as office"),
    ],
)
def test_what_is_missing_is_told_entry_by_entry(how, kind, words):
    with pytest.raises(kind) as raised:
        ask(*how.get("names", ()), scope=how.get("scope", ""), claims=how.get("claims", ()))

    assert words in raised.value.detail


def test_claims_are_what_json_would_make_of_them():
    assert described((), "", ("a=1", "b=true", "c=x=y", "d="), {}).claims == {
        "a": 1,
        "b": True,
        "c": "x=y",
        "d": "",
    }


def test_a_way_that_is_not_there_is_named():
    with pytest.raises(UnknownWay) as raised:
        described(("stuff",), "", (), WAYS)

    assert str(raised.value) == "no way to know a caller is called stuff: expected one of staff, office"


def test_nobody_is_known_as_nothing():
    assert not NOBODY.known
