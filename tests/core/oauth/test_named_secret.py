"""What names a secret, and gives nothing of it away."""

from gateway.core.oauth.named_secret import IN_PLACE, NamedReader, SecretName, name_of
from gateway.core.secret import Secret


class File:
    path, trouble, readings = "/run/crm", "", 1

    def __init__(self, changed_at_s):
        self.changed_at_s = changed_at_s

    def look(self) -> None: ...


def test_a_secret_is_named_by_its_place_its_source_and_the_time_of_its_file():
    readers = (NamedReader(lambda: Secret("a"), "file:/run/crm", (File(0.0), File(1e9))), lambda: Secret("b"))
    assert str(name_of(readers, 0)) == "secret 1 of 2 (file:/run/crm of 2001-09-09T01:46:40Z)"
    assert name_of(readers, 1) == SecretName(2, 2, IN_PLACE)
    assert str(name_of(readers, 1)) == "secret 2 of 2 (gateway.yaml)"


def test_two_secrets_from_one_source_have_one_name():
    """Whoever reads it can try no guesses on it."""
    names = {
        str(name_of((NamedReader(lambda text=text: Secret(text), "env:A"),), 0)) for text in ("1234", "b")
    }
    assert names == {"secret 1 of 1 (env:A)"}
