"""`gateway.yaml` -> typed, frozen settings: the only reader of YAML, of the environment and of named files.

Decides what is a valid configuration and says of any other everything that is wrong with it, each with its
line and column, without showing a value. `load` is the way in; nothing else in the gateway imports pydantic
or ruamel.yaml.
"""

from __future__ import annotations

from gateway.config.files import check_client_files, check_server_files
from gateway.config.load import load
from gateway.config.problems import ConfigError, ConfigUnreadable, Problem, Severity, counted, plural
from gateway.config.schema import json_schema

__all__ = [
    "ConfigError",
    "ConfigUnreadable",
    "Problem",
    "Severity",
    "check_client_files",
    "check_server_files",
    "counted",
    "json_schema",
    "load",
    "plural",
]
