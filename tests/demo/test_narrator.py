import io
import re

import pytest

from gateway.core.errors import TokenUnavailable
from gateway.core.http.access_record import AccessRecord
from gateway.core.http.recovery import Recovery
from gateway.core.oauth.named_secret import SecretName
from gateway.core.oauth.token_events import (
    CredentialKept,
    CredentialSwitched,
    MetadataKept,
    MetadataObjected,
    Reason,
    ScopeReduced,
    TokenFailed,
    TokenObtained,
    TokenRejected,
    TokenRequested,
    TokenRevoked,
)
from gateway.core.oauth.token_outcome import Failed, FailureKind
from gateway.core.settings.client_settings import ClientName
from gateway.core.token import Token
from gateway.demo.narrator import Narrator

CRM = ClientName("crm")
TOKEN = Token(b"Bearer access_token_1", 0.0, 15.0, 1, "ab12cd34")


class Terminal(io.StringIO):
    """A stream that a person reads."""

    def isatty(self):
        return True


def record(path="/crm/users", status=200, error="", token="ab12cd34", recovery=Recovery.NONE):
    sizes = (0, 133)
    durations_s = (0.0125, 0.0, 0.01)
    return AccessRecord(
        0.0,
        "id",
        "/crm",
        "127.0.0.1",
        "",
        "GET",
        path,
        status,
        status,
        error,
        *sizes,
        *durations_s,
        token,
        recovery,
    )


def told(*events, out=None):
    out = out or io.StringIO()
    narrator = Narrator(out, lambda: 0.0)
    for event in events:
        if isinstance(event, AccessRecord):
            narrator.request_done(event)
        else:
            narrator.told(event)
    return [line[10:] for line in out.getvalue().splitlines()]


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (Reason.FIRST, "none yet"),
        (Reason.EARLY, "expires soon"),
        (Reason.EXPIRED, "has expired"),
        (Reason.REJECTED, "refused"),
        (Reason.REPLACED, "certificate"),
    ],
)
def test_it_tells_why_a_token_is_requested(reason, words):
    (line,) = told(TokenRequested(CRM, reason))

    assert line.startswith("token requested for client crm: ")
    assert words in line


def test_it_tells_of_a_tokens_life():
    assert told(
        TokenObtained(CRM, TOKEN, 15.0, 0.021),
        TokenRejected(CRM, TOKEN),
        TokenFailed(CRM, TokenUnavailable("x"), 1.5),
    ) == [
        "token ab12cd34 obtained for crm after 21 ms: lives 15 s",
        "the upstream refused token ab12cd34 of client crm: suspect",
        (
            "no token for client crm: The authorization server cannot be reached (token_unavailable);"
            " no other token request for 1.5 s"
        ),
    ]


def test_every_reason_has_words():
    assert len({told(TokenRequested(CRM, reason))[0] for reason in Reason}) == len(Reason)


def test_it_tells_what_else_happens_to_a_client():
    failed = Failed(FailureKind.UNREACHABLE, "it failed")

    assert told(
        CredentialSwitched(CRM, SecretName(2, 3, "env:A")),
        CredentialKept(CRM, "it is none"),
        ScopeReduced(CRM, ("b", "c")),
        MetadataObjected(CRM, ("it has none", "nor that")),
        MetadataObjected(CRM, ()),
        MetadataKept(CRM, failed),
        TokenRevoked(CRM, "ab12cd34", None),
        TokenRevoked(CRM, "ab12cd34", failed),
    ) == [
        "another secret of client crm was refused: secret 2 of 3 (env:A) is accepted",
        "the new key of client crm is bad, the last good one stays in use: it is none",
        "client crm was granted less than it requested: b c missing",
        "client crm: the issuer's metadata: it has none",
        "client crm: the issuer's metadata: nor that",
        "client crm: it failed; the known metadata stays in use",
        "token ab12cd34 of client crm is revoked",
        "token ab12cd34 of client crm could not be revoked: it failed",
    ]


def test_it_tells_when_a_token_is_reused():
    assert told(
        record(),
        record(),
        record(token="00000002"),
        record(path="/", status=404, error="no_route", token=""),
    ) == [
        "GET /crm/users -> 200 in 12 ms, token ab12cd34 used for the first time",
        "GET /crm/users -> 200 in 12 ms, token ab12cd34 reused (use 2)",
        "GET /crm/users -> 200 in 12 ms, token 00000002 used for the first time",
        "GET / -> 404 in 12 ms (no_route)",
    ]


@pytest.mark.parametrize("recovery", list(Recovery))
def test_every_outcome_of_a_recovery_has_words(recovery):
    (line,) = told(record(recovery=recovery))

    assert ("; " in line) == (recovery is not Recovery.NONE)


def test_no_line_shows_a_token_or_a_control_character():
    lines = told(
        record(path="/a\n\x1b[2Jforged"),
        TokenObtained(CRM, TOKEN, 15.0, 0.0),
    )

    assert len(lines) == 2
    assert all(line.isprintable() and "access_token" not in line for line in lines)


@pytest.mark.parametrize(("out", "is_coloured"), [(io.StringIO(), False), (Terminal(), True)])
def test_only_a_terminal_is_coloured(out, is_coloured):
    told(record(), out=out)

    assert is_coloured == bool(re.search(r"\x1b\[32m.*\x1b\[0m$", out.getvalue().rstrip("\n")))
