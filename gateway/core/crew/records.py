"""What the processes of one gateway tell each other: one record in each packet.

Rules:

- No record is the answer to another, so none can be taken for the answer to something else, however late it
  comes. Each says what is the case, or what is wanted, and names its key and its number. Whoever gets it
  twice, or late, does nothing the second time.
- Instants are seconds of CLOCK_MONOTONIC, which is the same for all processes of a machine.
- Tokens and keys are in the fields, hence the `repr` of records shows no more than their kind and numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, field

# ── tokens: from the keeper to workers ────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class TokenIs:
    """A source holds this token.

    Attributes:
        key: which source.
        serial: the number of the token; one with a lower number has been replaced.
        parts: the parts of the credential by name.
        session: the first number of the same session, which upstreams have renewed since.
        dpop_key: the number of the key it is bound to, which was sent before; 0 for a bearer token.
        ath: the hash of the token that accompanies its proofs, or empty.
    """

    key: int
    serial: int
    field_value: str = field(repr=False)
    parts: tuple[tuple[str, str], ...] = field(repr=False)
    sent_at_s: float
    expires_at_s: float
    dead_at_wall_s: float
    body_margin_s: float
    fingerprint: str
    scope: tuple[str, ...]
    dpop_key: int = 0
    ath: str = field(default="", repr=False)
    session: int = 0


@dataclass(frozen=True, slots=True)
class KeyIs:
    """A private key that tokens are bound to (RFC 9449): PKCS #8 in PEM form."""

    number: int
    algorithm: str
    pem: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class NoTokenIs:
    """A source could not obtain a token.

    Attributes:
        code: of the error in `core.errors`.
        retry_at_s: until when no token request is sent.
        cause: a word of `core.cause`, or empty.
        cause_key: which key of `gateway.yaml` to check, or empty.
    """

    key: int
    code: str
    detail: str
    retry_at_s: float
    cause: str = ""
    cause_key: str = ""


# ── who calls: from the keeper to workers ─────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class IdentityKeyIs:
    """The private key that signs who calls, from now on: PKCS #8 in PEM form. It is published already."""

    pem: str = field(repr=False)


# ── tokens: from workers to the keeper ────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Want:
    """Somebody waits for a token of a source with a higher number than this; 0: for any that lives."""

    key: int
    newer_than: int = 0


@dataclass(frozen=True, slots=True)
class Rejected:
    """An upstream refused the token with this number."""

    key: int
    serial: int


@dataclass(frozen=True, slots=True)
class Used:
    """The token with this number is being used, and so deserves its early refresh."""

    key: int
    serial: int


@dataclass(frozen=True, slots=True)
class Renewed:
    """An upstream accepted the token with this number, and set these cookies."""

    key: int
    serial: int
    set_cookies: tuple[str, ...] = field(repr=False)


# ── configurations ────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Prepare:
    """Build a generation of this number, beside the one in use.

    Attributes:
        settings: packed by the keeper (`gateway.packing`), in base64; workers never send any.
        sockets: where there are listening sockets under it, as ``host port`` or a path. New ones accompany
            this record, in the order of `new`.
    """

    generation: int
    settings: str = field(repr=False)
    sockets: tuple[str, ...] = ()
    new: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Commit:
    """Use the generation that was prepared."""

    generation: int


@dataclass(frozen=True, slots=True)
class Abort:
    """Forget the generation that was prepared."""

    generation: int


@dataclass(frozen=True, slots=True)
class Prepared:
    """A generation is built, or in use already."""

    generation: int


@dataclass(frozen=True, slots=True)
class InUse:
    """The oldest generation that a worker still has requests of."""

    generation: int


@dataclass(frozen=True, slots=True)
class Refused:
    """A generation cannot be built; nothing has changed."""

    generation: int
    problem: str


# ── counts ────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class CountsWanted:
    """Send the counts as they are now; the number returns with them."""

    number: int


@dataclass(frozen=True, slots=True)
class Counts:
    """What a worker has counted since its start, as far as it has changed since it was last told.

    Attributes:
        number: the highest one that was asked for.
        text: JSON: what was counted, by route and name.
    """

    number: int
    text: str = field(repr=False)


# ── between the supervisor and each of its processes ──────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Ping:
    """Say that the event loop runs."""


@dataclass(frozen=True, slots=True)
class Pong:
    """It does."""


@dataclass(frozen=True, slots=True)
class Ready:
    """The process does its work from now on."""


@dataclass(frozen=True, slots=True)
class Stop:
    """To the keeper: the workers have been told to end, and may still need tokens."""


@dataclass(frozen=True, slots=True)
class End:
    """To the keeper: the workers have ended."""


@dataclass(frozen=True, slots=True)
class KeeperAt:
    """To a worker: the socket beside this record leads to the keeper, the only one from now on."""


@dataclass(frozen=True, slots=True)
class WorkerAt:
    """To the keeper: the socket beside this record leads to a worker."""

    slot: int
    pid: int


@dataclass(frozen=True, slots=True)
class Hold:
    """To the supervisor: hold the sockets beside this record, one for each slot, or one for all.

    Attributes:
        where: as in `Prepare.sockets`.
        device, inode: of the file of a unix socket, which is removed with it; 0 otherwise.
    """

    where: str
    device: int = 0
    inode: int = 0


@dataclass(frozen=True, slots=True)
class HoldOnly:
    """To the supervisor: close all sockets but these."""

    sockets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Adopt:
    """To a worker: accept from the sockets beside this record, too, for the worker of a slot is missing."""

    slot: int


@dataclass(frozen=True, slots=True)
class LetGo:
    """To a worker: leave the sockets of this slot to their own worker."""

    slot: int


@dataclass(frozen=True, slots=True)
class Notify:
    """To the supervisor: tell the service manager, which listens to nobody else."""

    text: str


@dataclass(frozen=True, slots=True)
class Remember:
    """To the supervisor: give this to the next keeper, if this one ends before its time."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class InForce:
    """To the supervisor: the file beside this record holds the configuration in use, for the next keeper."""


Record = (
    TokenIs | KeyIs | NoTokenIs | IdentityKeyIs | Want | Rejected | Used | Renewed
    | Prepare | Commit | Abort | Prepared | InUse | Refused | CountsWanted | Counts
    | Ping | Pong | Ready | Stop | End | KeeperAt | WorkerAt
    | Hold | HoldOnly | Adopt | LetGo | Notify | Remember | InForce
)  # fmt: skip
