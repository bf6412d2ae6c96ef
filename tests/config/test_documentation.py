"""docs/configuration.md is compared with the schema, and every example in it is loaded."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.config.document.schema_reader import complaints
from tests.config.document.test_schema import KEYS, SCHEMA
from tests.config.documents import load_text

PAGE = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text(encoding="utf-8")


def spelt_out(key):
    """The keys that one row is about: `a.{b,c}` stands for two."""
    head, brace, rest = key.partition("{")
    if not brace:
        return [key]
    choices, _, tail = rest.partition("}")
    return [f"{head}{choice}{end}" for choice in choices.split(",") for end in spelt_out(tail)]


ROWS = {
    key: [cell.strip() for cell in match[2].split("|")]
    for match in re.finditer(r"^\| `([a-z][^`|]*)` \|(.*)\|$", PAGE, re.MULTILINE)
    if match[2].count("|") == 2
    for key in spelt_out(match[1])
}
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
ENVIRON = {"CRM_SECRET": "a", "PARTNER_SECRET": "b", "API_KEY": "c"}


def test_every_key_is_documented_and_every_documented_key_exists():
    assert sorted(ROWS) == sorted(KEYS)


@pytest.mark.parametrize("key", sorted(ROWS))
def test_the_documented_default_is_the_real_one(key):
    default = KEYS[key].get("default")
    shown = re.findall(r"`(.*)`", ROWS[key][1])
    written = default if isinstance(default, str) else json.dumps(default)
    assert shown == ([] if default is None else [written])


@pytest.mark.parametrize("key", sorted(ROWS))
def test_what_is_documented_as_required_is(key):
    parent, _, name = key.rpartition(".")
    assert ("required" in ROWS[key][1]) == (name in _required(parent))


def _required(parent: str) -> list[str]:
    shapes = {
        "": SCHEMA,
        "listen[]": SCHEMA["$defs"]["Listener"],
        "listen[].tls": SCHEMA["$defs"]["ListenerTls"],
        "clients.<name>": SCHEMA["$defs"]["Client"],
        "clients.<name>.login": SCHEMA["$defs"]["Login"],
        "clients.<name>.login.steps[]": SCHEMA["$defs"]["LoginStep"],
        "clients.<name>.login.steps[].basic": SCHEMA["$defs"]["Basic"],
        "clients.<name>.login.logout": SCHEMA["$defs"]["Logout"],
        "clients.<name>.login.logout.basic": SCHEMA["$defs"]["Basic"],
        "routes[]": SCHEMA["$defs"]["Route"],
        "upstreams.<name>": SCHEMA["$defs"]["Group"],
        "upstreams.<name>.addresses[]": SCHEMA["$defs"]["Address"],
        "upstreams.<name>.check": SCHEMA["$defs"]["Check"],
        "upstreams.<name>.balance": {"required": ["hash"]},
        "upstreams.<name>.balance.hash": {"required": ["header"]},
        "routes[].recover_on[]": SCHEMA["$defs"]["Refusal"],
        "routes[].limits[]": SCHEMA["$defs"]["Limit"],
        "routes[].client": {"required": ["by"]},
        "routes[].cors": SCHEMA["$defs"]["Cors"],
        "routes[].identity_jwt": SCHEMA["$defs"]["IdentityJwt"],
        "identity_jwt": SCHEMA["$defs"]["IdentityKey"],
        "routes[].access[]": SCHEMA["$defs"]["AccessEntry"],
        "callers.<name>.api_key": SCHEMA["$defs"]["ApiKey"],
        "callers.<name>.basic": SCHEMA["$defs"]["Passwords"],
        "callers.<name>.introspection": SCHEMA["$defs"]["Introspection"],
        "callers.<name>.jwt": SCHEMA["$defs"]["Jwt"],
    }
    return shapes.get(parent, {}).get("required", [])


@pytest.mark.parametrize("text", EXAMPLES)
def test_every_example_loads_and_fits_the_schema(text, tmp_path):
    text = text.replace("${file:/run/secrets/", f"${{file:{tmp_path}/")
    for name in ("crm", "key.pem", "token"):
        (tmp_path / name).write_text("secret\n")
    load_text(text, ENVIRON)
    assert list(complaints(SCHEMA, YAML(typ="safe", pure=True).load(text), SCHEMA)) == []


def test_there_are_examples():
    assert len(EXAMPLES) >= 5


def test_every_family_of_keys_stands_in_an_example():
    shown = "\n".join(EXAMPLES)
    for key in KEYS:
        name = key.rpartition(".")[2].removesuffix("[]")
        assert re.search(rf"\b{name}:", shown), key
