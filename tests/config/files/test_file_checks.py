"""Certificates made here, for one test each; times are arguments."""

from __future__ import annotations

import grp
import os
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway.config import check_files, in_order, load_all
from tests.config.documents import ENVIRON
from tests.processes import as_nobody

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
CLIENT = """\
clients:
  a:
    token_endpoint: https://login.example.com/t
    client_id: me
    client_secret: ${env:SECRET}
"""
ROUTE = "routes:\n  - path: /\n    upstream: https://a.example\n"


def checked(folder, text, now=NOW):
    """What is wrong with the files of a text, by whom it stops."""
    path = folder / "gateway.yaml"
    path.write_text(text)
    return check_files("gateway.yaml", load_all(path, ENVIRON).files, now)


def told(folder, text, now=NOW):
    """All that is wrong, in the order of the file, without the name of the folder."""
    found = checked(folder, text, now)
    lines = in_order((*found.of_servers, *found.of_clients, *found.warnings))
    return [str(line).removeprefix("gateway.yaml:").replace(f"{folder}/", "") for line in lines]


def write_pair(folder, *, first=NOW - HOUR, last=NOW + HOUR, password=None):
    """Write ``cert.pem`` and ``key.pem``: self-signed, valid from `first` to `last`."""
    folder.mkdir(exist_ok=True)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, first, last)
    certificate = builder.sign(key, hashes.SHA256())
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    key_format = serialization.PrivateFormat.PKCS8
    (folder / "key.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, key_format, encryption))


LISTENER = """\
listen:
  address: 127.0.0.1:0
  tls:
    certificate: cert.pem
    key: key.pem
"""


def test_a_pair_that_fits_and_is_valid_is_no_problem(tmp_path):
    write_pair(tmp_path)
    assert told(tmp_path, LISTENER + ROUTE) == []


def test_a_configuration_without_files_has_no_problem_with_any(tmp_path):
    assert told(tmp_path, ROUTE) == []


EVERYTHING = """\
listen:
  - unix:/nowhere/gateway.sock
  - address: 127.0.0.1:0
    tls: {certificate: none/cert.pem, key: none/key.pem}
admin: unix:/nowhere/admin.sock
clients:
  a:
    token_endpoint: https://login.example.com/t
    client_id: me
    token_endpoint_auth_method: private_key_jwt
    private_key: key
    assertion_certificate: none/assertion.pem
    tls: {ca: none/ca.pem, certificate: none/mine.pem, key: none/mine.key}
routes:
  - path: /
    upstream: https://a.example
    tls:
      ca: none/upstream.pem
      certificate: none/other.pem
      key: none/other.key
log:
  access: /nowhere/access.log
"""
WHERE = [
    ("2:5", "listen[0]", "/nowhere/gateway.sock cannot be created: there is no directory /nowhere"),
    ("4:24", "listen[1].tls.certificate", "none/cert.pem"),
    ("4:44", "listen[1].tls.key", "none/key.pem"),
    ("5:8", "admin", "/nowhere/admin.sock cannot be created: there is no directory /nowhere"),
    ("12:28", "clients.a.assertion_certificate", "none/assertion.pem"),
    ("13:15", "clients.a.tls.ca", "none/ca.pem"),
    ("13:41", "clients.a.tls.certificate", "none/mine.pem"),
    ("13:61", "clients.a.tls.key", "none/mine.key"),
    ("18:11", "routes[0].tls.ca", "none/upstream.pem"),
    ("19:20", "routes[0].tls.certificate", "none/other.pem"),
    ("20:12", "routes[0].tls.key", "none/other.key"),
    ("22:11", "log.access", "/nowhere/access.log cannot be created: there is no directory /nowhere"),
]


def test_every_file_is_looked_at_and_told_with_its_place_and_key(tmp_path):
    missing = [
        f"{place}: {key}: {reason}" + ("" if " " in reason else " cannot be read: No such file or directory")
        for place, key, reason in WHERE
    ]
    assert told(tmp_path, EVERYTHING) == missing


def test_files_are_looked_at_even_where_the_configuration_is_refused(tmp_path):
    text = EVERYTHING.replace("client_id", "client_ident").replace("listen:", "lissen: [1]\nlisten:")
    assert len(told(tmp_path, text)) == len(WHERE)


def test_what_can_be_no_name_of_a_file_is_left_to_the_rules_of_its_key(tmp_path):
    text = """\
listen: {address: "127.0.0.1:0", tls: {certificate: "c\\0", key: "k\\0", client_ca: "a\\0"}}
admin: "unix:/a\\0"
log: {access: "/tmp/a\\0"}
callers:
  pods: {jwt: {issuer: x, audience: me, keys: "\\0", tls: {ca: "\\0"}}}
  users: {basic: {htpasswd: "a\\0b"}}
  keys: {api_key: {file: "a\\0b"}}
routes:
  - {path: /, upstream: "https://a.example", tls: {ca: "\\0", certificate: "\\0", key: "\\0"}}
"""
    assert told(tmp_path, text) == []
    (tmp_path / "gateway.yaml").write_text(text)
    assert len(load_all(tmp_path / "gateway.yaml", ENVIRON).problems) == 12


def test_who_suffers_is_known_of_each(tmp_path):
    found = checked(tmp_path, EVERYTHING)
    assert {problem.path.partition(".")[0] for problem in found.of_clients} == {"clients"}
    assert len(found.of_clients) == 4
    assert len(found.of_servers) == len(WHERE) - 4


def test_a_certificate_is_valid_to_its_last_second(tmp_path):
    write_pair(tmp_path, last=NOW)
    assert told(tmp_path, LISTENER + ROUTE, NOW) == []
    assert told(tmp_path, LISTENER + ROUTE, NOW + timedelta(seconds=1)) == [
        "4:18: listen.tls.certificate: the certificate in cert.pem expired on 2026-01-15 12:00 UTC"
    ]


def test_a_certificate_of_tomorrow_is_not_valid_today(tmp_path):
    write_pair(tmp_path, first=NOW + HOUR, last=NOW + 2 * HOUR)
    assert told(tmp_path, LISTENER + ROUTE) == [
        "4:18: listen.tls.certificate: the certificate in cert.pem is valid only from 2026-01-15 13:00 UTC"
    ]


def test_the_present_is_taken_where_no_time_is_given(tmp_path):
    write_pair(tmp_path, first=NOW - 2 * HOUR, last=NOW - HOUR)
    assert len(told(tmp_path, LISTENER + ROUTE, None)) == 1


def test_the_key_of_another_certificate_is_no_key_of_this(tmp_path):
    write_pair(tmp_path)
    write_pair(tmp_path / "other")
    (tmp_path / "other" / "key.pem").replace(tmp_path / "key.pem")
    assert told(tmp_path, LISTENER + ROUTE) == [
        "5:10: listen.tls.key: key.pem is not the key of the certificate cert.pem"
    ]


def test_an_encrypted_key_asks_nobody_for_a_password(tmp_path):
    write_pair(tmp_path, password=b"hunter2")
    assert told(tmp_path, LISTENER + ROUTE) == [
        "5:10: listen.tls.key: key.pem is encrypted: store the key without a password"
    ]


def test_what_is_swapped_is_told_so(tmp_path):
    write_pair(tmp_path)
    text = LISTENER.replace("cert.pem", "x.pem").replace("key.pem", "cert.pem").replace("x.pem", "key.pem")
    assert told(tmp_path, text + ROUTE) == [
        "4:18: listen.tls.certificate: key.pem is not a certificate, but a private key: are the two swapped?",
        "5:10: listen.tls.key: cert.pem is not a private key in PEM form",
    ]


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("cert.pem", "4:18: listen.tls.certificate: cert.pem is not a certificate in PEM form"),
        ("key.pem", "5:10: listen.tls.key: key.pem is not a private key in PEM form"),
    ],
)
@pytest.mark.parametrize("content", [b"nonsense", b"", b"\xff\xfe\x00"])
def test_nonsense_is_named(tmp_path, name, line, content):
    write_pair(tmp_path)
    (tmp_path / name).write_bytes(content)
    assert told(tmp_path, LISTENER + ROUTE) == [line]


def test_a_key_that_only_says_that_it_is_one_is_none(tmp_path):
    write_pair(tmp_path)
    (tmp_path / "key.pem").write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    assert told(tmp_path, LISTENER + ROUTE) == [
        "5:10: listen.tls.key: key.pem is not a private key that TLS can use"
    ]


def test_a_named_pipe_and_a_folder_are_no_files_and_keep_nobody_waiting(tmp_path):
    os.mkfifo(tmp_path / "cert.pem")
    (tmp_path / "key.pem").mkdir()
    assert told(tmp_path, LISTENER + ROUTE) == [
        "4:18: listen.tls.certificate: cert.pem is not a regular file",
        "5:10: listen.tls.key: key.pem cannot be read: Is a directory",
    ]


def routes_with(tls, count=1):
    return ROUTE.replace(
        "\n  -",
        "\n"
        + "".join(f"  - path: /{n}\n    upstream: https://a.example\n    tls: {tls}\n" for n in range(count))
        + "  -",
        1,
    )


def test_a_file_that_many_name_is_told_once_at_the_first(tmp_path):
    text = routes_with("{ca: none.pem}", 3)
    assert told(tmp_path, text) == [
        "4:15: routes[0].tls.ca: none.pem cannot be read: No such file or directory"
    ]


OURS = "{certificate: cert.pem, key: key.pem}"


def test_a_certificate_that_routes_show_too_is_the_clients_matter(tmp_path):
    """A restart must not take all routes down with one partner's certificate."""
    found = checked(tmp_path, f"{CLIENT}    tls: {OURS}\n{routes_with(OURS)}")
    assert found.of_servers == ()
    assert [problem.path for problem in found.of_clients] == [
        "clients.a.tls.certificate",
        "clients.a.tls.key",
    ]


def test_an_authority_that_routes_need_too_is_not(tmp_path):
    found = checked(tmp_path, f"{CLIENT}    tls: {{ca: none.pem}}\n{routes_with('{ca: none.pem}')}")
    assert [problem.path for problem in found.of_servers] == ["routes[0].tls.ca"]
    assert [problem.path for problem in found.of_clients] == ["clients.a.tls.ca"]


def write_bundle(folder, *ends):
    """Write ``ca.pem``: one certificate for each end of a validity."""
    bundle = b""
    for last in ends:
        write_pair(folder / "one", first=NOW - 9 * HOUR, last=last)
        bundle += (folder / "one" / "cert.pem").read_bytes()
    (folder / "ca.pem").write_bytes(bundle)


BUNDLE = CLIENT + "    tls: {ca: ca.pem}\n" + ROUTE


def test_an_authority_that_expired_is_told(tmp_path):
    write_bundle(tmp_path, NOW - HOUR)
    (line,) = told(tmp_path, BUNDLE)
    assert line == (
        "6:15: clients.a.tls.ca: the certificate in ca.pem expired on 2026-01-15 11:00 UTC: no server certificate it "
        "signed is trusted"
    )


def test_a_bundle_of_which_all_expired_is_told(tmp_path):
    write_bundle(tmp_path, NOW - 2 * HOUR, NOW - HOUR)
    (line,) = told(tmp_path, BUNDLE)
    assert line == (
        "6:15: clients.a.tls.ca: all 2 certificates in ca.pem expired, the last on 2026-01-15 11:00 UTC: no server is "
        "trusted"
    )


def test_a_bundle_of_which_some_expired_is_a_warning(tmp_path):
    """The old authority beside the new one, or an intermediate whose root is gone."""
    write_bundle(tmp_path, NOW - HOUR, NOW + HOUR)
    found = checked(tmp_path, BUNDLE)
    assert (found.of_servers, found.of_clients) == ((), ())
    assert told(tmp_path, BUNDLE) == [
        "6:15: warning: clients.a.tls.ca: 1 of the 2 certificates in ca.pem expired, the last on 2026-01-15 11:00 UTC"
    ]


def test_the_bundle_of_a_system_may_hold_some_that_expired(tmp_path):
    write_bundle(tmp_path, NOW - HOUR)
    old = (tmp_path / "ca.pem").read_bytes()
    write_bundle(tmp_path, NOW + HOUR)
    (tmp_path / "ca.pem").write_bytes(old + (tmp_path / "ca.pem").read_bytes() * 20)
    assert told(tmp_path, BUNDLE) == []


def test_a_bundle_without_a_certificate_is_no_bundle(tmp_path):
    (tmp_path / "ca.pem").write_text("nonsense")
    assert told(tmp_path, BUNDLE) == ["6:15: clients.a.tls.ca: ca.pem contains no certificate in PEM form"]


def logging_to(path):
    return f"{ROUTE}log: {{access: {path}}}\n"


def test_an_access_log_that_cannot_be_made_is_told_before_the_start():
    with TemporaryDirectory() as name:  # one that others may pass through
        folder = Path(name)
        folder.chmod(0o555)
        text = logging_to(folder / "access.log")
        with TemporaryDirectory() as other:
            path = Path(other) / "gateway.yaml"
            path.write_text(text)
            files = load_all(path, ENVIRON).files
        with as_nobody():
            found = check_files("gateway.yaml", files, NOW)
        folder.chmod(0o755)
    (problem,) = found.of_servers
    assert str(problem) == (
        f"gateway.yaml:4:15: log.access: {folder}/access.log cannot be created: this user may not write to the directory "
        f"{folder}"
    )


@pytest.mark.parametrize("below", ["x", "folder/x"])
@pytest.mark.parametrize(
    ("text", "place"),
    [("log: {{access: {}}}", "4:15: log.access"), ("listen: unix:{}", "4:9: listen")],
    ids=["log", "socket"],
)
def test_a_file_below_a_directory_that_may_not_be_entered_is_told(text, place, below):
    with TemporaryDirectory() as name, TemporaryDirectory() as other:
        closed = Path(name)
        (closed / "folder").mkdir()
        path = Path(other) / "gateway.yaml"
        path.write_text(ROUTE + text.format(closed / below))
        files = load_all(path, ENVIRON).files
        closed.chmod(0o600)
        with as_nobody():
            found = check_files("gateway.yaml", files, NOW)
        closed.chmod(0o700)

    (problem,) = found.of_servers
    assert str(problem) == (
        f"gateway.yaml:{place}: {closed}/{below} cannot be reached: this user may not enter a directory above it"
    )


def test_an_access_log_that_is_there_needs_no_folder_to_write_to(tmp_path):
    (tmp_path / "access.log").touch()
    assert told(tmp_path, logging_to(tmp_path / "access.log")) == []


def test_an_access_log_that_is_a_folder_is_told(tmp_path):
    assert told(tmp_path, logging_to(tmp_path / "one.log")) == []
    (tmp_path / "one.log").mkdir()
    assert told(tmp_path, logging_to(tmp_path / "one.log")) == [
        "4:15: log.access: one.log is a directory, not a file"
    ]
    assert not (tmp_path / "access.log").exists()


# ── unix sockets ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("listen", "place"),
    [
        ("{address: 'unix:FOLDER/g', group: GROUP}", "1:__: listen.group"),
        ("[127.0.0.1:0, {address: 'unix:FOLDER/g', group: GROUP}]", "1:__: listen[1].group"),
        ("[{address: 'unix:FOLDER/g', group: GROUP}]", "1:__: listen[0].group"),
    ],
)
def test_a_group_that_nobody_knows_is_told_with_its_key(tmp_path, listen, place):
    text = f"listen: {listen}\n{ROUTE}".replace("FOLDER", str(tmp_path))
    column = text.index("GROUP") + 1

    assert told(tmp_path, text.replace("GROUP", "no-such-group")) == [
        f"{place.replace('__', str(column))}: no such group on this machine: create it, or write its number"
    ]
    assert told(tmp_path, text.replace("GROUP", "'54321'")) == []
    assert told(tmp_path, text.replace("GROUP", grp.getgrgid(os.getgid()).gr_name)) == []


def test_a_group_counts_as_a_problem_without_which_nothing_starts(tmp_path):
    text = f"listen: {{address: 'unix:{tmp_path}/g', group: no-such-group}}\n{ROUTE}"
    assert [one.path for one in checked(tmp_path, text).of_servers] == ["listen.group"]


@pytest.mark.parametrize("key", ["listen", "admin"])
def test_a_file_where_a_socket_is_to_be_made_is_told(tmp_path, key):
    text = f"{key}: unix:{tmp_path}/g\n{ROUTE}"
    assert told(tmp_path, text) == []
    (tmp_path / "g").write_text("somebody's own")
    assert told(tmp_path, text) == [
        f"1:{len(key) + 3}: {key}: g exists and is not a socket: it will not be replaced"
    ]
    (tmp_path / "g").unlink()
    with socket.socket(socket.AF_UNIX) as served:
        served.bind(str(tmp_path / "g"))
    assert told(tmp_path, text) == []
    (tmp_path / "link").symlink_to(tmp_path / "g")
    assert told(tmp_path, text.replace("/g\n", "/link\n"))


def way(kind, key, name):
    return f"callers:\n  us: {{{kind}: {{{key}: {name}}}}}\n{ROUTE}"


USERS = way("basic", "htpasswd", "users")
HASHED = "$2y$05$" + "a" * 53


def test_users_whose_hashes_are_weak_are_named_by_line(tmp_path):
    (tmp_path / "users").write_text(f"ann:{HASHED}\nbob:$apr1$x$y\n")
    (line,) = told(tmp_path, USERS)
    assert line == (
        "2:26: callers.us.basic.htpasswd: users line 2: an MD5 hash is guessed too fast: write it anew; bcrypt "
        "(htpasswd -B) and argon2id are taken"
    )


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (f"ann:{HASHED}".encode(), []),
        (
            b"# nobody",
            ["2:26: warning: callers.us.basic.htpasswd: users holds no user: no caller can be known by it"],
        ),
        (b"\xff", ["2:26: callers.us.basic.htpasswd: users is not UTF-8"]),
    ],
)
def test_the_file_of_users(tmp_path, content, words):
    (tmp_path / "users").write_bytes(content)
    assert told(tmp_path, USERS) == words


def test_without_the_library_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("gateway.config.files.caller_files.find_spec", lambda name: None)
    (tmp_path / "users").write_text(f"ann:{HASHED}\n")
    assert told(tmp_path, USERS) == [
        "2:26: callers.us.basic.htpasswd: users needs bcrypt, which is not installed: pip install bcrypt"
    ]


ISSUER = "callers:\n  us: {jwt: {issuer: as, audience: us, keys: keys.json}}\n" + ROUTE


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"keys": [{"kty": "RSA", "n": "a", "e": "AQAB"}]}', []),
        (
            "nonsense",
            ["2:46: callers.us.jwt.keys: keys.json is not a JSON object: expected a JSON Web Key Set"],
        ),
    ],
)
def test_the_keys_of_an_issuer(tmp_path, content, words):
    (tmp_path / "keys.json").write_text(content)
    assert told(tmp_path, ISSUER) == words


def test_the_authorities_of_callers(tmp_path):
    write_pair(tmp_path)
    text = (
        "listen: {address: 127.0.0.1:1, tls: {certificate: cert.pem, key: key.pem, client_ca: ca.pem}}\n"
        + ROUTE
    )
    (tmp_path / "ca.pem").write_text("nonsense")
    assert told(tmp_path, text) == ["1:86: listen.tls.client_ca: ca.pem contains no certificate in PEM form"]
    assert checked(tmp_path, text).of_clients == ()


def test_the_authorities_of_an_issuer(tmp_path):
    text = "callers:\n  us: {jwt: {issuer: 'https://as.test', audience: us, tls: {ca: ca.pem}}}\n" + ROUTE
    assert told(tmp_path, text) == [
        "2:65: callers.us.jwt.tls.ca: ca.pem cannot be read: No such file or directory"
    ]
    assert checked(tmp_path, text).of_servers == ()
