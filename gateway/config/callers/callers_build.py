"""Models -> settings of the ways to know a caller."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gateway.config.callers.callers_model import WayModel
from gateway.config.problems import dotted
from gateway.config.tree import Keys, find
from gateway.config.values.strict import given, unique
from gateway.core.access_settings import ApiKeyWay, NetworkWay, Way, WaySettings
from gateway.core.caller import WayName


def way_settings(callers: Mapping[str, WayModel], root: Keys, folder: Path) -> dict[WayName, WaySettings]:
    """Build the ways, by name."""
    return {
        WayName(name): WaySettings(WayName(name), _way(model, folder), _place(root, name))
        for name, model in callers.items()
    }


def _way(model: WayModel, folder: Path) -> Way:
    if model.api_key is not None:
        return ApiKeyWay(str(folder / model.api_key.file), **given(model.api_key, "header"))
    assert model.network is not None, "callers_rules finds a way without a kind"
    return NetworkWay(unique(model.network))


def _place(root: Keys, name: str) -> str:
    place = find(root, ("callers", name)).key_place
    return f"{place.line}:{place.column}: {dotted(('callers', name))}"
