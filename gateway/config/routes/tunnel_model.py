"""The key `tunnel` of a route, by the rules of `document_model`."""

from __future__ import annotations

from gateway.config.values.key_types import Duration, TunnelAge
from gateway.config.values.strict import Strict, optional


class TunnelModel(Strict):
    """How long tunnels of WebSocket may last."""

    idle_s: Duration | None = optional(
        "Without a byte in either direction; also for text/event-stream responses.", "5m", alias="idle"
    )
    max_age: TunnelAge | None = optional("In all: a duration, or token, for as long as the token lives.")
    half_close_s: Duration | None = optional(
        "Without a byte, once one side has ended.", "10s", alias="half_close"
    )
    close_timeout_s: Duration | None = optional(
        "For both sides to answer a Close of the gateway.", "5s", alias="close_timeout"
    )
