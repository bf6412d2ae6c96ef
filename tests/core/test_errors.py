"""The tree of errors; `tests/docs` compares it with `docs/errors.md`."""

import re

import pytest

from gateway.core import errors
from gateway.core.access_errors import AccessError, CallerFileUnusable, CallerUnverifiable
from gateway.core.errors import (
    AuthorizationServerError,
    CallerError,
    ClientFileUnusable,
    GatewayError,
    InternalError,
    Overloaded,
    RouteFileUnusable,
    Side,
    UpstreamError,
)

FILES = {CallerFileUnusable, ClientFileUnusable, RouteFileUnusable}
"""Files of ours, without which nothing can be asked of the other side."""


def leaves(kind: type[GatewayError]) -> list[type[GatewayError]]:
    """The errors that are raised, in the order of the source."""
    return [leaf for sub in kind.__subclasses__() for leaf in leaves(sub)] or [kind]


ERRORS = leaves(GatewayError)


def test_no_code_stands_for_two_errors():
    assert len({kind.code for kind in ERRORS}) == len(ERRORS)


@pytest.mark.parametrize("kind", ERRORS, ids=lambda kind: kind.code)
def test_every_error_knows_its_answer(kind):
    assert re.fullmatch(r"[a-z_]+", kind.code)
    assert 400 <= kind.status < 600
    assert kind.title
    assert kind.proxy_error
    assert kind.__doc__


@pytest.mark.parametrize(
    ("kind", "side", "statuses"),
    [
        (CallerError, Side.CALLER, {400, 401, 403, 404, 405, 408, 413, 414, 417, 429, 431, 499, 501, 505}),
        (AuthorizationServerError, Side.AUTHORIZATION_SERVER, {502, 503, 504}),
        (Overloaded, Side.GATEWAY, {503}),
        (UpstreamError, Side.UPSTREAM, {502, 504}),
        (InternalError, Side.GATEWAY, {500}),
    ],
)
def test_each_branch_blames_one_side_with_its_own_statuses(kind, side, statuses):
    blaming = [leaf for leaf in leaves(kind) if leaf not in FILES]
    assert {leaf.side for leaf in blaming} == {side}
    assert {leaf.status for leaf in blaming} == statuses


def test_a_file_of_ours_is_our_own_mistake():
    assert {leaf.side for leaf in FILES} == {Side.GATEWAY}
    assert {leaf.status for leaf in FILES} == {503}


def test_a_missing_token_is_never_a_401():
    """It would blame the caller, who has nothing to do with it."""
    assert {kind for kind in ERRORS if kind.status == 401} <= set(leaves(AccessError))


def test_a_caller_who_cannot_be_verified_is_not_blamed():
    assert CallerUnverifiable.side is Side.AUTHORIZATION_SERVER
    assert CallerUnverifiable.status == 503


def test_after_what_makes_the_next_bytes_meaningless_the_connection_closes():
    closing = {kind.code for kind in ERRORS if kind.closes}

    assert {"malformed_request", "request_timeout", "method_unsupported", "upgrade_unsupported"} <= closing
    assert (
        not {"no_route", "method_not_allowed", "ambiguous_path", "token_unavailable", "upstream_closed"}
        & closing
    )


def test_an_error_carries_what_it_was_given():
    error = errors.TokenUnavailable("a detail", retry_after_s=3, allow=("GET",))

    assert (error.detail, error.retry_after_s, error.allow) == ("a detail", 3, ("GET",))
    assert str(error) == "a detail"
