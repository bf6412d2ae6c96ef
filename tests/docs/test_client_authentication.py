"""Every example of docs/client-authentication.md is loaded, and its keys and certificates are put to use."""

import re
from pathlib import Path

import pytest

from gateway.config import check_files
from gateway.core.settings import AuthMethod
from gateway.oauth.client_authentication import check_keys
from tests.config.documents import load_text
from tests.oauth.certificates import make_certificate
from tests.oauth.fakes import WALL_S
from tests.oauth.keys import pem

PAGE = (Path(__file__).parents[2] / "docs" / "client-authentication.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def loaded(text, folder):
    certificate, key = make_certificate(folder)
    if "PS256" in text:
        # The certificate made here is one for an EC key; what does not fit is tried elsewhere.
        text = re.sub(r" +assertion_certificate: .*\n", "", text)
        key.write_text(pem("rsa"))
    (folder / "long-secret").write_text("s" * 32)
    (folder / "token").write_text("a.b.c")
    return load_text(text.replace("/run/secrets", str(certificate.parent)), {"CRM_SECRET": "s"})


@pytest.mark.parametrize("text", EXAMPLES)
def test_every_example_can_be_put_to_use(text, tmp_path):
    settings = loaded(text, tmp_path)
    assert check_files(settings) == ()
    assert check_keys(settings, WALL_S) == ()


def test_every_method_has_an_example(tmp_path):
    grants = [grant for text in EXAMPLES for grant in loaded(text, tmp_path).routes if grant.grant]
    assert {route.grant.method for route in grants} == set(AuthMethod)
