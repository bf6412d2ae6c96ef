"""Passwords are verified in two threads, of which neither is kept waiting for by the loop."""

import asyncio
import threading

import bcrypt
import pytest
from argon2 import PasswordHasher

from gateway.access.password_hashes import MOST_WAITING, PasswordDesk, QueueFull, is_password_of
from gateway.core.access.htpasswd import HashKind, PasswordHash, read_users

SECRET = "p4ssword-ä".encode()
BCRYPT = bcrypt.hashpw(SECRET, bcrypt.gensalt(4)).decode()
ARGON2ID = PasswordHasher(1, 64, 1).hash(SECRET)


KINDS = {
    "2b": BCRYPT,
    "2y": BCRYPT.replace("$2b", "$2y"),
    "2a": BCRYPT.replace("$2b", "$2a"),
    "argon2id": ARGON2ID,
}


@pytest.mark.parametrize("text", KINDS.values(), ids=KINDS)
def test_a_password_matches_its_own_hash_alone(text):
    hashed = read_users(f"ann:{text}").by_name["ann"]

    assert is_password_of(SECRET, hashed)
    assert not is_password_of(SECRET + b"x", hashed)
    assert not is_password_of(b"", hashed)


def test_bcrypt_looks_at_72_bytes_as_htpasswd_does():
    text = bcrypt.hashpw(b"x" * 72, bcrypt.gensalt(4)).decode()

    assert is_password_of(b"x" * 100, PasswordHash(HashKind.BCRYPT, text))


def test_a_damaged_hash_matches_nothing():
    assert not is_password_of(SECRET, PasswordHash(HashKind.ARGON2ID, ARGON2ID[:-8]))


class Gate:
    """Holds the threads until it is opened."""

    def __init__(self):
        self.opened, self.lock = threading.Event(), threading.Lock()
        self.now = self.most = 0

    def __call__(self, password, hashed):
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        assert self.opened.wait(10)
        with self.lock:
            self.now -= 1
        return password == b"right"


async def test_two_at_a_time_and_a_bounded_queue():
    gate = Gate()
    desk, hashed = PasswordDesk(gate), PasswordHash(HashKind.BCRYPT, "")
    waiting = [asyncio.ensure_future(desk.verify(b"right", hashed)) for _ in range(MOST_WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(QueueFull):
        await desk.verify(b"right", hashed)
    waiting[0].cancel()
    gate.opened.set()

    assert await asyncio.gather(*waiting[1:]) == [True] * (MOST_WAITING - 1)
    assert await desk.verify(b"wrong", hashed) is False
    assert gate.most <= 2
