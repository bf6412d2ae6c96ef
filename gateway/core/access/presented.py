"""What a request presented when its caller was let in, to find out later whether that still holds."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.core.caller import Caller
from gateway.core.http.outbound import CallerFields
from gateway.core.http.request_head import RequestHead


@dataclass(frozen=True, slots=True)
class Presented:
    """A request that was let in.

    Attributes:
        head: its head, credentials included.
        place: where it came from.
        who: the caller that it was found to be.
    """

    head: RequestHead = field(repr=False)
    place: CallerFields
    who: Caller
