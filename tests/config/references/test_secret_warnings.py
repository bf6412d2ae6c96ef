"""What a secret looks like that is not what was meant; nothing of it is shown but its length."""

import pytest

from tests.config.documents import CRM, ROUTE, load_text

LOC = "1:94: warning: clients.crm.client_secret: "
UNFILLED = "the secret looks like a reference that was never replaced ({} characters in all)"


@pytest.mark.parametrize(
    ("secret", "messages"),
    [
        ("hunter2 ", ["the secret ends with white space (8 characters in all)"]),
        (" hunter2", ["the secret begins with white space (8 characters in all)"]),
        ("hunter2\u00a0", ["the secret ends with white space (8 characters in all)"]),
        (
            " ",
            [
                "the secret begins with white space (1 character in all)",
                "the secret ends with white space (1 character in all)",
            ],
        ),
        ("'hunter2'", ["the secret is in quotes, which count as part of it (9 characters in all)"]),
        ('"$HUNTER2"', ["the secret is in quotes, which count as part of it (10 characters in all)"]),
        ("$HUNTER2", [UNFILLED.format(8)]),
        ("${HUNTER2}", [UNFILLED.format(10)]),
        ("{{ hunter2 }}", [UNFILLED.format(13)]),
        ("%HUNTER2%", [UNFILLED.format(9)]),
    ],
)
def test_a_secret_that_is_seldom_meant_is_a_warning(secret, messages):
    warnings = load_text(CRM + ROUTE, {"SECRET": secret}).warnings
    assert [warning.partition("gateway.yaml:")[2] for warning in warnings] == [
        LOC + message for message in messages
    ]
    assert "unter2" not in "".join(warnings).lower()


@pytest.mark.parametrize("secret", ["hunter2", "hun ter2", "$hunter2", "{hunter2}", "a$HUNTER2", "%41x"])
def test_other_secrets_are_none(secret):
    assert load_text(CRM + ROUTE, {"SECRET": secret}).warnings == ()


@pytest.mark.parametrize("secret", ["a", "abc", "é12"])
def test_a_secret_that_is_too_short_to_be_masked_is_a_warning(secret):
    (warning,) = load_text(CRM + ROUTE, {"SECRET": secret}).warnings
    assert warning.endswith(
        "clients.crm.client_secret: the secret has fewer than 4 characters: it is easy to guess, and never masked"
    )
    assert load_text(CRM + ROUTE, {"SECRET": secret + "d" * (4 - len(secret))}).warnings == ()
