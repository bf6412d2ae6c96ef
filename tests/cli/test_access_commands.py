"""`gateway check` and `gateway explain --as` of a file whose routes know their callers."""

import pytest

from tests.oauth.keys import jwk, pem
from tests.processes import gateway

FILE = """
callers:
  staff: {jwt: {issuer: https://as.test, audience: us}}
  office: {network: 10.0.0.0/8}
clients:
  acme: {token_endpoint: https://as.test/t, client_id: acme, client_secret: "${env:S}"}
routes:
  - path: /crm
    upstream: https://crm.test
    access: [{caller: staff, scope: read}, {caller: [staff, office]}]
    limits: [{name: per-caller, rate: 100/m}]
    identity: {X-Caller: "{caller.id}"}
    client: {by: caller, alice: acme}
  - {path: /, upstream: https://open.test}
"""
IN_OFFICE_HOURS = """
callers: {staff: {jwt: {issuer: https://as.test, audience: us}}}
routes:
  - path: /
    upstream: https://open.test
    access: [{caller: staff, hours: Mon-Fri 08:00-18:00, zone: Europe/Berlin}]
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "gateway.yaml"
    path.write_text(FILE)
    return str(path)


def test_check_prints_what_stands_before_each_route(file, tmp_path):
    done = gateway(tmp_path, "check", "-c", file, S="a-secret-of-acme")

    assert (done.status, done.err) == (0, "")
    assert done.out.splitlines() == [
        f"{file}: valid (2 routes, 1 client)",
        "  /crm: staff with scope read, or staff and office; per-caller: 100 in 60 s by caller",
        "  /: anyone",
    ]


def test_explain_says_as_whom_and_by_which_entry(file, tmp_path):
    done = gateway(
        tmp_path,
        "explain",
        "GET",
        "/crm",
        "-c",
        file,
        "--as",
        "staff:alice",
        "--scope",
        "read",
        S="a-secret-of-acme",
    )

    assert (done.status, done.err) == (0, "")
    assert "access     staff with scope read, as staff:alice" in done.out
    assert "  X-Caller: alice" in done.out
    assert "(client acme)" in done.out


@pytest.mark.parametrize(
    ("options", "status", "words"),
    [
        ((), 1, "refused: 401 credential_missing"),
        (("--as", "staff:alice"), 1, "staff and office: not known as office"),
        (("--as", "staff:bob", "--scope", "read"), 1, "no client for this caller: caller selects it"),
        (("--as", "stuff"), 2, "expected one of staff, office"),
    ],
)
def test_explain_says_what_is_missing(file, tmp_path, options, status, words):
    done = gateway(tmp_path, "explain", "GET", "/crm", "-c", file, *options, S="a-secret-of-acme")

    assert done.status == status
    assert words in done.err


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-11-30T08:00+01:00", "access     staff, Mon-Fri 08:00-18:00 Europe/Berlin, as staff:alice"),
        ("2026-11-30T07:00", "access     staff, Mon-Fri 08:00-18:00 Europe/Berlin, as staff:alice"),
        (
            "2026-11-30T07:59+01:00",
            "refused: 403 caller_not_allowed: this route does not serve the caller at this",
        ),
        ("noon", "expected a time such as 2026-11-30T09:00+01:00"),
    ],
)
def test_explain_says_what_comes_of_a_caller_at_another_time(tmp_path, at, expected):
    path = tmp_path / "gateway.yaml"
    path.write_text(IN_OFFICE_HOURS)
    done = gateway(tmp_path, "explain", "GET", "/", "-c", str(path), "--as", "staff:alice", "--at", at)

    assert expected in done.out + done.err


SIGNED = """
callers: {staff: {jwt: {issuer: https://as.test, audience: us}}}
identity_jwt: {issuer: https://gw.test, key: "${file:identity.pem}"}
routes:
  - path: /
    upstream: https://open.test
    access: [{caller: staff}]
    identity_jwt: {header: X-Caller-Jwt, audience: crm, claims: [email, scope]}
"""


def test_explain_shows_what_is_signed(tmp_path):
    file = tmp_path / "gateway.yaml"
    file.write_text(SIGNED)
    (tmp_path / "identity.pem").write_text(pem("p256"))
    who = ("--as", "staff:alice", "--scope", "read", "--claim", "email=a@b.test")
    done = gateway(tmp_path, "explain", "GET", "/", "-c", str(file), *who)

    assert (done.status, done.err) == (0, "")
    assert (
        'signed     {"iss":"https://gw.test","aud":"crm","sub":"alice","way":"staff",'
        '"email":"a@b.test","scope":"read"}'
    ) in done.out.splitlines()
    assert "  X-Caller-Jwt: <a signed JWT>" in done.out.splitlines()


def test_check_says_for_whom_callers_are_signed(tmp_path):
    file = tmp_path / "gateway.yaml"
    file.write_text(SIGNED)
    (tmp_path / "identity.pem").write_text(pem("p256"))
    done = gateway(tmp_path, "check", "-c", str(file))

    assert (done.status, done.err) == (0, "")
    assert done.out.splitlines()[1:] == ["  /: staff; signed for crm in X-Caller-Jwt"]


def test_explain_says_that_a_caller_cannot_be_told_of(tmp_path):
    file = tmp_path / "gateway.yaml"
    file.write_text(SIGNED)
    (tmp_path / "identity.pem").write_text(pem("p256"))
    done = gateway(
        tmp_path, "explain", "GET", "/", "-c", str(file), "--as", "staff:alice", "--scope", "long " * 1000
    )
    assert done.status == 0  # one word of a scope, however often it is written

    many = " ".join(f"word{number}" for number in range(1000))
    done = gateway(tmp_path, "explain", "GET", "/", "-c", str(file), "--as", "staff:alice", "--scope", many)
    assert done.status == 1
    assert "what is known of the caller does not fit into X-Caller-Jwt" in done.err


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (pem("p384"), "the private key is not an EC key on P-256, which ES256 needs"),
        (pem("p256")[:100], "the private key is neither PEM nor a JWK"),
    ],
    ids=["another curve", "half a file"],
)
@pytest.mark.parametrize("command", ["check", "run"])
def test_a_key_that_cannot_sign_is_found_before_the_start(tmp_path, command, key, words):
    file = tmp_path / "gateway.yaml"
    file.write_text(SIGNED)
    (tmp_path / "identity.pem").write_text(key)
    done = gateway(tmp_path, command, "-c", str(file))

    assert done.status == 1
    assert f"{file}:3:46: identity_jwt.key: {words}" in done.err.splitlines()


def test_a_key_in_the_file_itself_is_warned_of(tmp_path):
    file = tmp_path / "gateway.yaml"
    file.write_text(SIGNED.replace("${file:identity.pem}", jwk("p256").replace('"', '\\"')))
    done = gateway(tmp_path, "check", "-c", str(file))

    assert done.status == 0
    assert "3:46: warning: identity_jwt.key: the secret is in this file in plain text" in done.err
