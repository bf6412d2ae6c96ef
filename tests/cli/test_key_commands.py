"""`gateway key new`: the table on standard output, the key once, on standard error."""

from gateway.core.access.api_keys import digest_of, read_keys
from tests.processes import gateway


def test_the_table_holds_the_digest_and_the_key_is_shown_once(tmp_path):
    done = gateway(tmp_path, "key", "new", "acme", "--scope", "crm.read", "--expires", "2030-01-01")
    key = done.err.split()[-1]

    assert done.status == 0
    assert key not in done.out
    assert read_keys(done.out)[digest_of(key.encode())].id == "acme"


def test_two_keys_are_never_alike(tmp_path):
    first, second = (gateway(tmp_path, "key", "new", "acme") for _ in range(2))

    assert len(read_keys(first.out + second.out)) == 2


def test_what_the_file_could_not_hold_is_refused(tmp_path):
    done = gateway(tmp_path, "key", "new", "acme", "--expires", "soon")

    assert (done.status, done.out) == (2, "")
    assert done.err == "gateway: has an `expires` that is not a date, as 2027-01-01\n"
