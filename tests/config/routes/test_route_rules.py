"""What fits together in one route; what does not stands in the golden files."""

from __future__ import annotations

import pytest

from tests.config.documents import CLIENT, CRM, load_text, problems_of

INJECTING = "routes: [{path: /, upstream: 'https://a', client: crm}]"


@pytest.mark.parametrize(
    ("scope", "is_wider"), [("a", False), ("a b", False), ("b a", False), ("a c", True), ("c", True)]
)
def test_a_route_can_only_narrow_the_scope_of_its_client(scope, is_wider):
    client = CLIENT.replace("}'}", "}', scope: a b}")
    route = f"{{path: /, upstream: 'https://a', client: crm, scope: {scope}}}"
    assert len(problems_of(f"clients: {{crm: {client}}}\nroutes: [{route}]")) == is_wider


@pytest.mark.parametrize("authorization", ["replace", "reject"])
def test_a_route_without_a_client_may_set_a_fixed_authorization(authorization):
    headers = "headers: {request: {set: {Authorization: Basic eDp5}}}"
    settings = load_text(
        f"routes: [{{path: /, upstream: 'http://a', authorization: {authorization}, {headers}}}]"
    )
    assert settings.routes[0].request_headers.set == (("Authorization", "Basic eDp5"),)


def test_the_answer_may_carry_any_authorization():
    assert (
        problems_of(CRM + INJECTING.replace("crm}", "crm, headers: {response: {remove: [Authorization]}}}"))
        == []
    )


def test_keep_and_a_client_go_together():
    assert problems_of(CRM + INJECTING.replace("crm}", "crm, authorization: keep}")) == []
