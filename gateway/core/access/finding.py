"""What one way found out about a caller. None where the request presents nothing to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from math import inf

from gateway.core.admission import Admission
from gateway.core.caller import Caller


@dataclass(slots=True)
class Known:
    """The credential is valid.

    What follows changes with what is remembered of the credential, and is no part of what was found.

    Attributes:
        until_s: until when (monotonic) nothing but the end of the caller could change the finding; its way
            takes that back when it forgets. Before all time if each request must be looked at.
        passes: what gates made of the finding, each under a mark of its own.
    """

    caller: Caller
    until_s: float = field(default=-inf, init=False, repr=False, compare=False)
    passes: dict[object, Admission] = field(default_factory=dict, init=False, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Bad:
    """The credential is not valid.

    Attributes:
        reason: a few words for the caller, without anything that it sent: "the token has expired".
        needs_proof: whether a proof of possession is at issue (RFC 9449 section 7.1).
    """

    reason: str
    needs_proof: bool = False


class Fault(Enum):
    """What keeps a credential from being verified now."""

    SERVER = "server"
    FILE = "file"
    LOAD = "load"


@dataclass(frozen=True, slots=True)
class Unsure:
    """It cannot be told now, through no fault of the caller's.

    Attributes:
        reason: a few words for the caller: "the keys of the issuer cannot be fetched".
        retry_after_s: when another attempt may succeed, in whole seconds.
        fault: what is in the way.
    """

    reason: str
    retry_after_s: int = 1
    fault: Fault = Fault.SERVER


@dataclass(frozen=True, slots=True)
class Slowed:
    """It is not looked at: too many credentials from there were wrong.

    Attributes:
        retry_after_s: when one will be looked at, in whole seconds.
    """

    reason: str
    retry_after_s: int


Finding = Known | Bad | Unsure | Slowed
