"""Who a client certificate is for, and the patterns that it must fit (RFC 5280 section 4.2.1.6, SPIFFE).

Rules:

- A ``*`` stands for a part of one segment, never for none of it. Segments are what ``/`` separates in a URI,
  ``.`` in a DNS name, and ``,`` in a subject. A segment has at most one, so that a pattern has one reading.
- URIs and subjects are compared byte for byte, DNS names without case.
- Names with control characters count as none, nor do DNS names that are patterns themselves.
- A SPIFFE ID identifies only if it is the one URI of a certificate that is no authority's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

_SPIFFE: Final = "spiffe://"
_LONGEST: Final = 1024


@dataclass(frozen=True, slots=True)
class CertificateNames:
    """What a certificate says of its owner.

    Attributes:
        uris, dns: its subject alternative names, in order.
        subject: as in RFC 4514, one text for each relative name, the most specific first; a comma in a value
            is written with a backslash.
        ends_at_s: when it expires, in seconds since 1970.
        is_authority: whether it may sign others.
    """

    uris: tuple[str, ...]
    dns: tuple[str, ...]
    subject: tuple[str, ...]
    ends_at_s: float
    is_authority: bool = False


@dataclass(frozen=True, slots=True)
class Pattern:
    """A name, or many.

    Attributes:
        segments: what comes before and after the ``*`` of each; None after it where there is no ``*``.
        text: as it was written.
    """

    segments: tuple[tuple[str, str | None], ...]
    text: str = ""

    @classmethod
    def of(cls, text: str, separator: str) -> Pattern:
        """Read a pattern.

        Raises:
            ValueError: a segment has two stars, or the pattern is empty.
        """
        if not text:
            raise ValueError("the pattern is empty")
        segments: list[tuple[str, str | None]] = []
        for segment in split(text, separator):
            if segment.count("*") > 1:
                raise ValueError(
                    "a segment has at most one *: write the rest of it, or a pattern for each name"
                )
            before, star, after = segment.partition("*")
            segments.append((before, after if star else None))
        return cls(tuple(segments), text)

    def fits(self, segments: tuple[str, ...]) -> bool:
        """Whether a name, in its segments, is one of those that the pattern means."""
        return len(segments) == len(self.segments) and all(map(_segment_fits, self.segments, segments))


def _segment_fits(wanted: tuple[str, str | None], found: str) -> bool:
    before, after = wanted
    if after is None:
        return found == before
    is_longer = len(found) > len(before) + len(after)
    return is_longer and found.startswith(before) and found.endswith(after) and found not in {".", ".."}


def split(text: str, separator: str) -> tuple[str, ...]:
    """Return the segments of a name; one that is escaped with a backslash separates nothing."""
    segments, held = [], ""
    for part in text.split(separator):
        held += part
        if separator == "," and (len(held) - len(held.rstrip("\\"))) % 2:
            held += separator
            continue
        segments.append(held.strip() if separator == "," else held)
        held = ""
    return (*segments, held) if held else tuple(segments)


@dataclass(frozen=True, slots=True)
class NamePatterns:
    """What certificates must say: a name that fits one pattern of each kind that has any."""

    uri: tuple[Pattern, ...] = ()
    dns: tuple[Pattern, ...] = ()
    subject: tuple[Pattern, ...] = ()

    @classmethod
    def of(
        cls, uri: Iterable[str] = (), dns: Iterable[str] = (), subject: Iterable[str] = ()
    ) -> NamePatterns:
        """Read the patterns.

        Raises:
            ValueError: one of them cannot be read.
        """
        return cls(
            tuple(Pattern.of(each, "/") for each in uri),
            tuple(Pattern.of(each.lower(), ".") for each in dns),
            tuple(Pattern.of(each, ",") for each in subject),
        )

    def name_in(self, names: CertificateNames) -> str | None:
        """Return the name that a certificate is known by; None if it is not one of these."""
        subject = ",".join(names.subject) if _is_plain("".join(names.subject)) else ""
        found = [
            *_first(self.uri, [each for each in _uris(names) if _is_plain(each)], "/"),
            *_first(
                self.dns, [each.lower() for each in names.dns if _is_plain(each) and "*" not in each], "."
            ),
            *_first(self.subject, [subject] if subject else [], ","),
        ]
        if not found or None in found:
            return None
        return found[0]


def _first(patterns: tuple[Pattern, ...], names: Iterable[str], separator: str) -> list[str | None]:
    """Return the first name that fits, or None, in a list; an empty one if there is no pattern to fit."""
    if not patterns:
        return []
    parted = ((name, split(name, separator)) for name in names)
    fitting = (name for name, segments in parted if any(each.fits(segments) for each in patterns))
    return [next(fitting, None)]


def _uris(names: CertificateNames) -> tuple[str, ...]:
    is_doubtful = len(names.uris) > 1 or names.is_authority
    if is_doubtful and any(each.lower().startswith(_SPIFFE) for each in names.uris):
        return ()
    return names.uris


def _is_plain(name: str) -> bool:
    return 0 < len(name) <= _LONGEST and name.isprintable()
