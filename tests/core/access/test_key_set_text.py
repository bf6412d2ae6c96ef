"""What is wrong with a JSON Web Key Set, without a look at its mathematics."""

import pytest

from gateway.core.access.key_set_text import flaw_in_key_set

KEY = '{"kty": "EC", "crv": "P-256", "x": "a", "y": "b"}'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f'{{"keys": [{KEY}]}}', None),
        (f'{{"keys": [{KEY}, {{"kty": "new"}}]}}', None),
        ("nonsense", "not a JSON object"),
        (KEY, "a single key"),
        ("{}", "no JSON Web Key Set"),
        ('{"keys": []}', "no public key"),
        ('{"keys": [1, {"kty": "new"}]}', "no public key"),
        (f'{{"keys": [{KEY}, {{"kty": "oct", "k": "c2VjcmV0"}}]}}', "private or symmetric"),
        (f'{{"keys": [{KEY[:-1]}, "d": "c2VjcmV0"}}]}}', "private or symmetric"),
        (f'{{"keys": [{KEY}], "pad": "{"x" * 600_000}"}}', "larger than 512 KiB"),
    ],
)
def test_the_flaw_is_named(text, words):
    flaw = flaw_in_key_set(text)

    assert (flaw is None) == (words is None)
    assert words is None or words in flaw
    assert flaw is None or "c2VjcmV0" not in flaw
