from gateway.config import load
from gateway.generation import names_in, servers_of

TEXT = """
listen: 127.0.0.1:0
admin: off
clients:
  one: {token_endpoint: 'https://login.example.com/t?tenant=1', client_id: a, client_secret: s}
  two: {issuer: 'https://[::1]:8443', client_id: a, client_secret: s, proxy: 'http://proxy.test:3128'}
routes:
  - {path: /a, upstream: 'https://api.example.com', client: one}
  - {path: /b, upstream: 'https://api.example.com/b', client: two}
  - {path: /c, upstream: 'http://127.0.0.1:1'}
  - {path: /d, upstream: 'unix:/run/d.sock'}
"""


def loaded(tmp_path):
    (tmp_path / "gateway.yaml").write_text(TEXT)
    return load(tmp_path / "gateway.yaml", {})


def test_names_of_upstreams_and_authorization_servers_are_counted_from_the_start(tmp_path):
    assert names_in(loaded(tmp_path)) == ["api.example.com", "login.example.com", "proxy.test"]


def test_servers_are_told_by_their_origin_or_their_issuer(tmp_path):
    servers = {"one": "https://login.example.com", "two": "https://[::1]:8443"}

    assert servers_of(loaded(tmp_path)) == servers
