"""The types of keys of `upstreams`, as those of `key_types`."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AfterValidator, PlainValidator, WithJsonSchema

from gateway.config.problems import Wrong
from gateway.config.values import hosts, names, patterns, units, urls
from gateway.config.values.filled import reader_of_filled
from gateway.config.values.key_types import Duration, whole_number
from gateway.core.settings.balance_settings import Balance, BalanceSettings

SHORTEST_CHECK_S: Final = 0.1
LONGEST_CHECK_S: Final = 3600.0
SHORTEST_RESOLVE_S: Final = 1.0
LONGEST_RESOLVE_S: Final = 3600.0

_EXPECTED_BALANCE: Final = "expected warm, round_robin or {hash: {header: X-User}}"
_HUNDREDS: Final = {f"{first}xx": range(100 * first, 100 * first + 100) for first in (2, 3, 4, 5)}
_WORDS: Final = (Balance.WARM.value, Balance.ROUND_ROBIN.value)


def balance(value: object) -> BalanceSettings:
    """Read how an address is chosen.

    Raises:
        Wrong: it is no such word or mapping.
    """
    if isinstance(value, str) and value in _WORDS:
        return BalanceSettings(Balance(value))
    if value == Balance.HASH.value:
        raise Wrong("hash needs to know of what: write {hash: {header: X-User}}")
    if not isinstance(value, dict) or list(value) != [Balance.HASH.value]:
        raise Wrong(_EXPECTED_BALANCE)
    of = value[Balance.HASH.value]
    if not isinstance(of, dict) or list(of) != ["header"] or not isinstance(of["header"], str):
        raise Wrong(_EXPECTED_BALANCE)
    return BalanceSettings(Balance.HASH, names.hashed_field_name(of["header"]))


def _of_look_ups(seconds: float) -> float:
    if not SHORTEST_RESOLVE_S <= seconds <= LONGEST_RESOLVE_S:
        raise Wrong("expected a duration from 1s to 1h: what a look-up found is not kept for longer")
    return seconds


def _of_checks(seconds: float) -> float:
    if not SHORTEST_CHECK_S <= seconds <= LONGEST_CHECK_S:
        raise Wrong("expected a duration from 100ms to 1h")
    return seconds


def expected_status(value: object) -> range:
    """Read a status, or a hundred of them as `2xx`.

    Raises:
        Wrong: it is neither.
    """
    if isinstance(value, int) and not isinstance(value, bool) and 200 <= value <= 599:
        return range(value, value + 1)
    hundred = _HUNDREDS.get(value) if isinstance(value, str) else None
    if hundred is None:
        raise Wrong("expected a status from 200 to 599, or a hundred of them such as 2xx")
    return hundred


_HASH_SCHEMA: Final = {
    "type": "object",
    "required": ["hash"],
    "additionalProperties": False,
    "properties": {
        "hash": {
            "type": "object",
            "description": "Requests with the same value go to the same address (rendezvous hashing).",
            "required": ["header"],
            "additionalProperties": False,
            "properties": {
                "header": {"type": "string", "description": "The field of the request whose value counts."}
            },
        }
    },
}

GroupKey = Annotated[str, AfterValidator(names.group_name)]
AddressUrl = Annotated[
    urls.Upstream,
    PlainValidator(urls.address),
    WithJsonSchema({"type": "string", "pattern": patterns.or_references(patterns.GROUP_ADDRESS)}),
]
ServiceName = Annotated[
    hosts.Authority,
    PlainValidator(hosts.service_name),
    WithJsonSchema({"type": "string", "pattern": patterns.or_references(patterns.SERVICE_NAME)}),
]
Weight = Annotated[int, *whole_number(1, 1000)]
BalanceRule = Annotated[
    BalanceSettings,
    PlainValidator(reader_of_filled(balance)),
    WithJsonSchema({"anyOf": [{"enum": list(_WORDS)}, _HASH_SCHEMA]}),
]
Share = Annotated[
    float,
    PlainValidator(reader_of_filled(units.share)),
    WithJsonSchema({"type": "string", "pattern": patterns.or_references(units.PERCENT_PATTERN)}),
]
CheckTime = Annotated[Duration, AfterValidator(_of_checks)]
CheckPath = Annotated[
    str,
    AfterValidator(urls.check_path),
    WithJsonSchema({"type": "string", "pattern": patterns.or_references(patterns.CHECK_PATH)}),
]
ExpectedStatus = Annotated[
    range,
    PlainValidator(reader_of_filled(expected_status)),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 200, "maximum": 599},
                {"type": "string", "pattern": patterns.or_references("[2-5]xx")},
            ]
        }
    ),
]
ResolveTime = Annotated[Duration, AfterValidator(_of_look_ups)]
Tries = Annotated[int, *whole_number(1, 3)]
QueueLength = Annotated[int, *whole_number(0, 1_000_000)]
Failures = Annotated[int, *whole_number(1, 1000)]
