"""What the log says of a group's addresses: changes only."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Final

from gateway.core.settings.balance_settings import CheckSettings
from gateway.core.settings.upstream_settings import GroupName
from gateway.core.upstreams.signs import Sign
from gateway.upstreams.target import Target

_LOGGER: Final = logging.getLogger("gateway.upstreams")


def ejected(name: GroupName, target: Target, sign: Sign, for_s: float) -> None:
    """Say that an address is taken out because requests fail there."""
    _LOGGER.warning(
        "upstream %s: %s gets no requests for %.0f s (%s)",
        name,
        target.name,
        for_s,
        sign.value,
        extra={"fields": {"upstream": name, "address": target.name, "reason": sign.value}},
    )


def returned(name: GroupName, target: Target) -> None:
    """Say that an address is back, since a request was answered there."""
    fields = {"upstream": name, "address": target.name}
    _LOGGER.info("upstream %s: %s serves again", name, target.name, extra={"fields": fields})


def check_changed(name: GroupName, target: Target, rule: CheckSettings, targets: Iterable[Target]) -> None:
    """Say that checks took an address out or back, and if no address is left that they find alive."""
    checked = target.checked
    words = checked.last.words if checked.last is not None else ""
    fields = {"upstream": name, "address": target.name, "check": words}
    if not checked.is_down:
        _LOGGER.info(
            "upstream %s: %s is up: GET %s: %s", name, target.name, rule.path, words, extra={"fields": fields}
        )
        return
    _LOGGER.warning(
        "upstream %s: %s is down and gets no requests: GET %s: %s",
        name,
        target.name,
        rule.path,
        words,
        extra={"fields": fields},
    )
    if all(each.checked.is_down for each in targets):
        _LOGGER.warning(
            "upstream %s: every address is down: they get requests all the same, until a check succeeds",
            name,
            extra={"fields": {"upstream": name}},
        )
