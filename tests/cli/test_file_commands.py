"""`gateway check` of a valid file, and `gateway schema`."""

from __future__ import annotations

import json

from ruamel.yaml import YAML

from tests.cli.here import BROKEN, EXAMPLE, EXAMPLE_SECRETS
from tests.json_schema import complaints
from tests.processes import (
    gateway,
)


def test_a_good_configuration_is_told_in_one_line(tmp_path):
    done = gateway(tmp_path, "check", "-c", str(EXAMPLE), **EXAMPLE_SECRETS)

    assert (done.status, done.err) == (0, "")
    assert done.out == f"{EXAMPLE}: valid (3 routes, 2 clients)\n"


def test_the_schema_accepts_the_example_and_nothing_that_check_refuses(tmp_path):
    done = gateway(tmp_path, "schema")
    schema, yaml = json.loads(done.out), YAML(typ="safe", pure=True)
    broken = complaints(schema, yaml.load(BROKEN))

    assert (done.status, done.err) == (0, "")
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert complaints(schema, yaml.load(EXAMPLE.read_text())) == []
    assert "$.lisen: is not known" in broken
