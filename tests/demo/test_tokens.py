import jwt
import pytest

from gateway.demo.tokens import ALGORITHM, JwtMint, TokenBook, opaque_token

ISSUER = "http://127.0.0.1:9400"


class Wall:
    """A clock that stands until it is set."""

    def __init__(self):
        self.at_s = 1_700_000_000.0

    def __call__(self):
        return self.at_s


@pytest.fixture
def wall():
    return Wall()


@pytest.fixture(params=["jwt", "opaque"])
def book(request, wall):
    return TokenBook(JwtMint(lambda: ISSUER) if request.param == "jwt" else opaque_token, wall)


def test_a_token_tells_whose_it_is(book):
    issued = book.check(book.issue("crm", "a b", "legacy", 60))

    assert (issued.number, issued.client_id, issued.scope, issued.audience) == (1, "crm", "a b", "legacy")


def test_tokens_are_numbered_and_never_equal(book):
    tokens = [book.issue("crm", "", "legacy", 60) for _ in range(3)]

    assert [book.check(token).number for token in tokens] == [1, 2, 3]
    assert len(set(tokens)) == 3


@pytest.mark.parametrize(("after_s", "holds"), [(59.9, True), (60.0, False), (60.1, False)])
def test_a_token_holds_until_its_last_instant(book, wall, after_s, holds):
    token = book.issue("crm", "", "legacy", 60)
    wall.at_s += after_s

    assert holds == (book.check(token) is not None)


def test_revoked_tokens_hold_no_more_but_later_ones_do(book):
    old = [book.issue("crm", "", "legacy", 60) for _ in range(2)]

    assert book.revoke_all() == 2
    new = book.issue("crm", "", "legacy", 60)
    assert [book.check(token) for token in old] == [None, None]
    assert book.check(new).number == 3


def test_the_expired_are_not_counted_as_revoked(book, wall):
    book.issue("crm", "", "legacy", 60)
    wall.at_s += 60

    assert book.revoke_all() == 0


@pytest.mark.parametrize("text", ["", "abc", "a.b.c", "\udc80"])
def test_other_texts_are_no_tokens(book, text):
    book.issue("crm", "", "legacy", 60)

    assert book.check(text) is None


def test_a_jwt_has_the_claims_of_rfc_9068_and_a_published_key(wall):
    mint = JwtMint(lambda: ISSUER)
    token = TokenBook(mint, wall).issue("crm", "a b", "legacy", 60)
    key = jwt.PyJWK(mint.jwks()["keys"][0])

    claims = jwt.decode(token, key, [ALGORITHM], audience="legacy", options={"verify_exp": False})

    assert claims.pop("jti").startswith("1-")
    assert claims == {
        "iss": ISSUER,
        "sub": "crm",
        "client_id": "crm",
        "aud": "legacy",
        "scope": "a b",
        "iat": 1_700_000_000,
        "exp": 1_700_000_060,
    }
    assert jwt.get_unverified_header(token) == {"typ": "at+jwt", "alg": "ES256", "kid": "demo"}
    assert "d" not in mint.jwks()["keys"][0]
