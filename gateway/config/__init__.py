"""`gateway.yaml` -> typed, frozen settings: the only reader of YAML, of the environment and of named files.

Decides what is a valid configuration and says of any other everything that is wrong with it, each with its
line and column, without showing a value. `load` is the way in; nothing else in the gateway imports pydantic
or ruamel.yaml.
"""

from __future__ import annotations

from gateway.config.files import FileProblems, check_files
from gateway.config.load import Loaded, load, load_all
from gateway.config.problems import (
    ConfigError,
    ConfigUnreadable,
    Problem,
    Severity,
    counted,
    in_order,
    plural,
)
from gateway.config.schema import json_schema

__all__ = [
    "ConfigError",
    "ConfigUnreadable",
    "FileProblems",
    "Loaded",
    "Problem",
    "Severity",
    "check_files",
    "counted",
    "in_order",
    "json_schema",
    "load",
    "load_all",
    "plural",
]
