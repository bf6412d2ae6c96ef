"""`gateway.yaml` -> typed, frozen settings: the only reader of YAML, of the environment and of named files.

Decides what is a valid configuration, and reports everything that is wrong with any other: each problem with
its line and column, none with a value. Nothing else in the gateway imports pydantic or ruamel.yaml.

The way through the rooms (`load` walks it)::

    text ─ yaml ─► tree ─ references ─► tree ─ document ─► models ─► Settings
                                                   │
                        routes ─► clients ─► tls, values         each section: model, rules, builder
                                  process ─┘

==================  ==================================================================================
yaml                text -> tree, and what was meant where the text is no YAML
references          ``${env:...}`` and ``${file:...}`` -> what they stand for; secrets
document            the whole file: model, schema, validation, rules across sections, settings
clients, routes     one section each: model, rules, builder, side by side
process             the sections that live as long as the process: listeners, admin, limits, log
tls                 the key that several sections share
values              one text -> one value, by the syntax of its key
files               whether the files that are named can be used now
==================  ==================================================================================

Beside the rooms is what all of them use: `problems` (what is wrong, and where), `tree` and `template` (what
the file holds), `spelling`.
"""

from __future__ import annotations

from gateway.config.document.schema import json_schema
from gateway.config.files.file_checks import FileProblems, check_files
from gateway.config.load import Loaded, admin_in, load, load_all
from gateway.config.problems import (
    ConfigError,
    ConfigUnreadable,
    Problem,
    Severity,
    counted,
    in_order,
    plural,
)
from gateway.config.values.units import written

__all__ = [
    "ConfigError",
    "ConfigUnreadable",
    "FileProblems",
    "Loaded",
    "Problem",
    "Severity",
    "admin_in",
    "check_files",
    "counted",
    "in_order",
    "json_schema",
    "load",
    "load_all",
    "plural",
    "written",
]
