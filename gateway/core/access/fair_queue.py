"""Who is next of those who wait for something scarce: each network in turn, whoever sends more.

Rules:

- Networks take turns, and within one whoever came first. So a network that sends a thousand credentials waits
  for itself, and whoever comes from another one waits for one turn of each network at most.
- A network that is alone has everything: behind a proxy that is not trusted, all callers are one network.
- The queue is bounded. Once it is full, a network with less than its share of it gets a place, and the one
  with the most loses its last; all others are turned away. So nobody can fill it for others.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True, eq=False)
class Waiting:
    """A place in a queue; equal to nothing but itself.

    Attributes:
        network: where whoever waits comes from.
    """

    network: str


class FairQueue:
    """A queue in which networks take turns.

    Args:
        most: how many places there are.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._count = 0
        # Networks in the order of their turns; places, as keys, in the order of their arrival.
        self._networks: dict[str, dict[Waiting, None]] = {}

    def __len__(self) -> int:
        return self._count

    def join(self, network: str) -> tuple[Waiting | None, Waiting | None]:
        """Return a place, or None if there is none; and the place of whoever loses it for that."""
        displaced = None
        if self.is_full_for(network):
            return None, None
        if self._count >= self._most:
            displaced = self._last_of_the_longest()
            self.leave(displaced)
        place = Waiting(network)
        self._networks.setdefault(network, {})[place] = None
        self._count += 1
        return place, displaced

    def is_full_for(self, network: str) -> bool:
        """Whether there is no place for whoever comes from a network."""
        return self._count >= self._most and self._has_share(network)

    def next(self) -> Waiting | None:
        """Take the next one out; None if nobody waits."""
        if not self._count:
            return None
        network, places = next(iter(self._networks.items()))
        place = next(iter(places))
        self.leave(place)
        if places:
            self._networks[network] = self._networks.pop(network)
        return place

    def leave(self, place: Waiting) -> None:
        """Give a place up; one that was taken out or displaced has been given up already."""
        places = self._networks.get(place.network)
        if places is None or place not in places:
            return
        del places[place]
        self._count -= 1
        if not places:
            del self._networks[place.network]

    def _has_share(self, network: str) -> bool:
        """Whether a network has what each would have if the places were divided, this one among them."""
        own = self._networks.get(network)
        sharing = len(self._networks) + (own is None)
        return (len(own) if own is not None else 0) >= self._most // sharing

    def _last_of_the_longest(self) -> Waiting:
        longest = max(self._networks, key=lambda network: len(self._networks[network]))
        return next(reversed(self._networks[longest]))
