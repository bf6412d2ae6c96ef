"""A mistake hides no other one, and makes none."""

from __future__ import annotations

from tests.config.documents import CLIENT, CRM, ROUTE, load_text, problems_of


def test_an_unquoted_off_is_a_word_only_where_it_is_one_of_ours():
    assert load_text("admin: off\nlog: {access: off}\n" + ROUTE).admin is None
    assert load_text("admin: 'off'\n" + ROUTE).admin is None
    assert len(problems_of("log: {level: off}\n" + ROUTE)) == 1


def test_a_wrong_access_hides_no_other_problem_and_makes_none():
    """The route says something about access; that it says it wrongly is one problem, not two."""
    text = (
        "listen: 0.0.0.0:80\n" + CRM + "routes: [{path: /, upstream: 'https://a', client: crm, access: al}]"
    )
    assert problems_of(text) == [
        "3:64: routes[0].access: expected anyone, or a list of entries such as - caller: staff"
    ]


def test_a_route_with_a_wrong_path_is_not_compared_with_others():
    text = "routes: [{path: /, upstream: 'http://a'}, {path: b, upstream: 'http://a'}]"
    assert problems_of(text) == ["1:50: routes[1].path: expected a path that begins with /"]


def test_a_wrong_allow_insecure_does_not_make_the_endpoint_wrong_too():
    client = CLIENT.replace("https", "http").replace("}'}", "}', allow_insecure: 1}")
    assert problems_of(f"clients: {{a: {client}}}\n{ROUTE}") == [
        "1:124: clients.a.allow_insecure: expected true or false, without quotes, found a number"
    ]
