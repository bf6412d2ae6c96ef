"""The file of users: what is taken, what is refused by its line, and that nothing of it is shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.access.htpasswd import (
    BadUsers,
    HashKind,
    LineFlaw,
    PasswordHash,
    flaws_of,
    read_users,
    user_and_password,
)

BCRYPT = "$2y$05$" + "a" * 53
ARGON2ID = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$" + "a" * 43


def test_bcrypt_and_argon2id_are_taken():
    users = read_users(f"# ours\n\nann:{BCRYPT}\r\nbob:{BCRYPT.replace('2y', '2b')}\ncy d:{ARGON2ID}\n")

    assert {name: each.kind for name, each in users.by_name.items()} == {
        "ann": HashKind.BCRYPT,
        "bob": HashKind.BCRYPT,
        "cy d": HashKind.ARGON2ID,
    }
    assert users.by_name["ann"].text == BCRYPT
    assert users.flaws == ()
    assert users.kinds() == (HashKind.BCRYPT, HashKind.ARGON2ID)


REFUSED = {
    "MD5": ("ann:$apr1$salt$aaaaaaaaaaaaaaaaaaaaaa", "MD5"),
    "SHA-1": ("ann:{SHA}aaaaaaaaaaaaaaaaaaaaaaaaaaa=", "SHA-1"),
    "SHA-512 crypt": ("ann:$6$salt$aaaa", "SHA-512"),
    "crypt or plain": ("ann:secret", "no bcrypt or argon2id"),
    "a part of bcrypt": ("ann:" + BCRYPT[:-1], "not a complete bcrypt hash"),
    "another version of bcrypt": ("ann:" + BCRYPT.replace("2y", "2x"), "not a complete bcrypt hash"),
    "too costly": ("ann:" + BCRYPT.replace("$05", "$15"), "the cost of bcrypt is to be 4 to 14"),
    "too cheap": ("ann:" + BCRYPT.replace("$05", "$03"), "the cost of bcrypt is to be 4 to 14"),
    "argon2i": ("ann:" + ARGON2ID.replace("argon2id", "argon2i"), "not argon2id"),
    "too much memory": ("ann:" + ARGON2ID.replace("m=19456", "m=999999"), "at most 256 MiB"),
    "too many passes": ("ann:" + ARGON2ID.replace("t=2", "t=99"), "at most 256 MiB"),
    "no name": (":" + BCRYPT, "expected name:hash"),
    "no colon": ("ann", "no bcrypt or argon2id"),
    "a control character": (f"a\x07nn:{BCRYPT}", "expected name:hash"),
}


@pytest.mark.parametrize(("line", "words"), REFUSED.values(), ids=REFUSED)
def test_everything_else_is_a_flaw_of_its_line_alone(line, words):
    users = read_users(f"bob:{BCRYPT}\n{line}\n")

    assert set(users.by_name) == {"bob"}
    (flaw,) = users.flaws
    assert flaw.line == 2
    assert words in flaw.words


def test_of_two_lines_the_first_counts():
    users = read_users(f"ann:{BCRYPT}\nann:{ARGON2ID}\n")

    assert users.by_name["ann"] == PasswordHash(HashKind.BCRYPT, BCRYPT)
    assert users.flaws == (
        LineFlaw(2, "this user has a line already, and the first one counts: remove one of them"),
    )


def test_many_flaws_are_told_briefly():
    assert list(flaws_of(read_users("a:b\n" * 12), shown=2))[1:] == [
        "line 2: the hash is no bcrypt or argon2id: write it anew; bcrypt (htpasswd -B) and argon2id are taken",
        "10 more lines are of no use",
    ]


def test_a_file_has_an_end():
    with pytest.raises(BadUsers, match="more than 100000 lines"):
        read_users("\n" * 100_000)


@given(st.text())
def test_any_text_is_read_and_shown_nowhere(text):
    users = read_users(text)

    assert all(BCRYPT not in str(flaw) for flaw in users.flaws)
    assert len(users.by_name) + len(users.flaws) <= text.count("\n") + 1


def test_no_hash_is_in_a_repr():
    assert BCRYPT not in repr(read_users(f"ann:{BCRYPT}"))


LOGINS = {
    b"ann:secret": ("ann", b"secret"),
    b"ann:se:cret": ("ann", b"se:cret"),
    b"ann:": ("ann", b""),
    b":secret": ("", b"secret"),
    "zoë:€".encode(): ("zoë", "€".encode()),
    b"ann": None,
    b"": None,
    b"ann:a\0b": None,
    b"\xff:a": None,
}


@pytest.mark.parametrize(("decoded", "login"), LOGINS.items())
def test_credentials_end_at_the_first_colon(decoded, login):
    assert user_and_password(decoded) == login
