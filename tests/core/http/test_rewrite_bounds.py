"""Which paths below a route are not its own, where references are led back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.core.http.rewrite_bounds import bounded
from gateway.core.http.rewriting import rewriting_of
from gateway.core.settings.route_settings import TenantSettings
from tests.core.samples import UPSTREAM, route

OTHER = replace(UPSTREAM, host="other.test")
CRM = route("/crm", base_path="/v2", strips_prefix=True)


@pytest.mark.parametrize(
    ("below", "elsewhere"),
    [
        (route("/crm/admin", upstream=OTHER), ("/crm/admin",)),
        (route("/crm/admin", base_path="/v2/admin", strips_prefix=True), ()),
        (route("/crm/admin", base_path="/v3", strips_prefix=True), ("/crm/admin",)),
        (route("/crm/admin", base_path="/v2"), ("/crm/admin",)),
        (route("/crmx", upstream=OTHER), ()),
        (route("/", upstream=OTHER), ()),
        (route("/crm", name="b", upstream=OTHER, methods=frozenset({"PUT"})), ()),
        (route("/crm/admin", upstream=OTHER, methods=frozenset({"POST"})), ()),
        (route("/crm/admin", upstream=OTHER, methods=frozenset({"GET", "POST"})), ("/crm/admin",)),
        (route("/crm/admin", upstream=OTHER, host="b.test"), ()),
    ],
)
def test_what_a_more_specific_route_takes_to_another_place_is_elsewhere(below, elsewhere):
    assert bounded([CRM, below])[0].rewrite.elsewhere == elsewhere


def test_everything_is_below_the_root():
    whole, _ = bounded([route("/"), route("/crm", upstream=OTHER)])
    same, _ = bounded([route("/"), route("/crm")])
    assert (whole.rewrite.elsewhere, same.rewrite.elsewhere) == (("/crm",), ())


def test_tenants_are_bounded_as_their_route():
    by_caller = replace(CRM, tenants=TenantSettings("caller", (("a", CRM),), CRM))
    made, _ = bounded([by_caller, route("/crm/admin", upstream=OTHER)])
    assert {each.rewrite.elsewhere for each in (made, *made.tenants.all)} == {("/crm/admin",)}


@pytest.mark.parametrize(
    ("reference", "led"),
    [
        (b"https://api.example.com/v2/users", b"/crm/users"),
        (b"https://api.example.com/v2/administer", b"/crm/administer"),
        (b"https://api.example.com/v2/admin", None),
        (b"https://api.example.com/v2/admin/1?a", None),
    ],
)
def test_a_reference_is_not_led_to_another_place(reference, led):
    made, _ = bounded([CRM, route("/crm/admin", upstream=OTHER)])
    rewriting = rewriting_of(made)
    assert rewriting.reference(reference, b"gateway.test", b"") == led
    assert rewriting.reference(reference, b"gateway.test", b"/outer") == (led and b"/outer" + led)
