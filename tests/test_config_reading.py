"""A configuration to run with: which files hold a secret themselves, so that their digest is not shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config_reading import reading
from tests.config.documents import ENVIRON, ROUTE

USER = "grant_type: password, client_secret: '${env:SECRET}'"


@pytest.mark.parametrize(
    ("keys", "is_shown"),
    [
        ("client_secret: '${env:SECRET}'", True),
        ("client_secret: hunter2-hunter2", False),
        (f"{USER}, parameters: {{username: me, password: '${{env:SECRET}}'}}", True),
        (f"{USER}, parameters: {{username: me, password: hunter2-hunter2}}", False),
        (f"{USER}, parameters: {{password: '${{env:UNSET:-hunter2-hunter2}}'}}", False),
        (f"{USER}, headers: {{X-Api-Key: hunter2-hunter2}}", False),
        (f"{USER}, request: {{query: {{api_key: hunter2-hunter2}}}}", False),
        (f"{USER}, parameters: {{tenant: acme}}", True),
    ],
)
def test_a_file_with_a_secret_in_it_has_no_digest_that_would_let_people_guess(
    keys: str, is_shown: bool, tmp_path: Path
):
    path = tmp_path / "gateway.yaml"
    path.write_text(f"clients: {{crm: {{token_endpoint: 'https://a/t', client_id: me, {keys}}}}}\n{ROUTE}")
    assert bool(reading(path, ENVIRON).sha256) == is_shown
