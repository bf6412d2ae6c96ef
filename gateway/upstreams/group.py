"""A group of upstream addresses at work: its targets, as its names move, and the choice for each request.

Rules: every address of a name is a target. A target whose address is gone gets no new request; its idle
connections close, and running exchanges end. How it was is remembered, should it come back. A name keeps
being looked up while requests come (`core.resolution`). What a request says of its target, who may be out,
and how many may be retried is decided in `core.upstreams`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from gateway.core.clock import Clock
from gateway.core.settings.balance_settings import Balance, EjectSettings
from gateway.core.settings.upstream_settings import GroupSettings, UpstreamSettings
from gateway.core.upstreams.active_checks import CheckResult, checked, sorted_out
from gateway.core.upstreams.balance import choose, rotated
from gateway.core.upstreams.ejection import (
    asked_to_wait,
    cut_off,
    failed,
    may_be_out,
    not_reached,
    succeeded,
    worth_a_trial,
)
from gateway.core.upstreams.families import rather, unreachable
from gateway.core.upstreams.signs import Sign
from gateway.observe.group_metrics import GroupMetrics
from gateway.proxy.outgoing.dialer import connect_error, way_to
from gateway.proxy.outgoing.target_pool import TargetPool
from gateway.proxy.outgoing.upstream import UpstreamConnection
from gateway.upstreams import group_log
from gateway.upstreams.group_checks import GroupChecks
from gateway.upstreams.group_memory import GroupMemory, Inheritance
from gateway.upstreams.group_names import FindName, GroupNames
from gateway.upstreams.group_queue import GroupQueue
from gateway.upstreams.group_retries import GroupRetries
from gateway.upstreams.target import Target, TargetId, place_of

MakePool = Callable[[UpstreamSettings], TargetPool]


class Group:
    """The addresses of one entry of ``upstreams``, shared by all routes that name it.

    Attributes:
        pool: stands in where a route has not chosen a target; it opens no connection.
        targets: what requests can go to, those that are out too.
        counts: of retries, ejections and waits.
        names: those that are looked up.
        retries: those under way.
        queue: the places for requests; None: there is no limit.
    """

    def __init__(
        self,
        settings: GroupSettings,
        make_pool: MakePool,
        find_name: FindName,
        clock: Clock,
        counts: GroupMetrics,
    ) -> None:
        self.settings = settings
        self._make_pool = make_pool
        self._clock = clock
        self.names = GroupNames(settings, find_name)
        self._header = settings.balance.header.lower().encode("ascii") + b": "
        self._leaving: list[Target] = []
        self._memory = GroupMemory()
        self._out: list[Target] = []
        self._serving: list[Target] = []
        self.counts = counts
        self.retries = GroupRetries(settings.retry, counts)
        self.pool = make_pool(settings.addresses[0].place)
        self.targets: list[Target] = []
        most = settings.max_requests
        self.queue = GroupQueue(most, settings.queue, counts, clock.now_s) if most is not None else None
        check = settings.check
        self._checks = GroupChecks(check, clock, self._is_checked) if check is not None else None
        self.names.watch(self._moved)
        self._moved()

    def __repr__(self) -> str:
        return f"<Group {self.settings.name}: {', '.join(each.name for each in self.targets)}>"

    # ── the choice ────────────────────────────────────────────────────────────────────────────────

    def pick(
        self, lines: Iterable[bytes], tried: Sequence[Target] = (), avoided: Sequence[Target] = ()
    ) -> Target | None:
        """Return the target that serves a request, given its header lines; None if none is left."""
        able: Sequence[Target] = self._serving
        if tried or avoided:
            able = rather([each for each in able if each not in tried and each not in avoided], tried)
        if not able:
            return None
        kind = self.settings.balance.kind
        return choose(kind, able, self._hashed(lines) if kind is Balance.HASH else None)

    def confirmed(self, chosen: Target | None) -> Target | None:
        """Return a target that was chosen a moment ago; None if the choice must be made anew.

        It must be where counts decide: of requests that arrive together, each should see the others.
        """
        is_counted = self.settings.balance.kind is Balance.WARM
        return chosen if not is_counted and chosen in self._serving else None

    def is_trial_due(self, now_s: float) -> bool:
        """Whether a request should try a target that is out; on the way of every request."""
        return bool(self._out) and self.due(now_s) is not None

    def due(self, now_s: float) -> Target | None:
        """Return the target that should be tried."""
        able = (each for each in self._out if not each.trial and now_s >= each.health.until_s)
        return next(able, None)

    def least_bad(self, avoided: Iterable[Target]) -> Target | None:
        """Return the target that serves nothing and would be tried first; None if there is none."""
        able = [each for each in self.targets if each not in self._serving and each not in avoided]
        return min(able, key=lambda each: (each.checked.is_down, each.health.until_s), default=None)

    def _hashed(self, lines: Iterable[bytes]) -> bytes | None:
        start, length = self._header, len(self._header)
        return next((line[length:] for line in lines if line[:length].lower() == start), None)

    # ── what becomes of requests ──────────────────────────────────────────────────────────────────

    def learns(self, target: Target, sign: Sign, *, is_trial: bool, wait_s: float | None) -> None:
        """Take a target out that fails, and back in that serves again."""
        rule, before, now_s = self.settings.eject, target.health, self._clock.now_s()
        if rule is None or target not in self.targets or (before.is_out and not is_trial):
            return
        is_reached = sign is not Sign.CONNECT
        is_allowed = len(self._serving) > 1 and may_be_out(
            [each.health for each in self.targets], rule, is_reached=is_reached
        )
        if sign is Sign.WELL:
            target.health = succeeded(before, now_s)
        elif sign.is_failure:
            jitter = self._clock.jitter()
            target.health = failed(before, now_s, rule, jitter, may_leave=is_allowed)
            if not is_reached:
                target.health = not_reached(target.health)
            if wait_s and (is_allowed or target.health.is_out):
                target.health = asked_to_wait(target.health, now_s, wait_s)
        if target.health.is_out != before.is_out:
            self._left_or_returned(target, sign)

    def overtaken(self, slow: Iterable[Target], by: Target) -> None:
        """Note that some were not reached before `by`, which was tried later."""
        for each in slow:
            family = unreachable(self.targets, each, by)
            if family and self.settings.eject is not None:
                each.is_overtaken()
                self._cut_off(each, family, self.settings.eject)
            else:
                each.not_reached()

    def _cut_off(self, slow: Target, family: Iterable[Target], rule: EjectSettings) -> None:
        """Take a family out together, and until the same time: one trial tells how all of it is."""
        before = {each: each.health.is_out for each in family}
        cut = cut_off(slow.health, self._clock.now_s(), rule, self._clock.jitter())
        for each, was_out in before.items():
            each.health = cut
            if not was_out:
                self._left_or_returned(each, Sign.CONNECT)

    def _left_or_returned(self, target: Target, sign: Sign) -> None:
        if target.health.is_out:
            target.ejections += 1
            self.counts.ejected(sign.value)
            for_s = target.health.until_s - self._clock.now_s()
            group_log.ejected(self.settings.name, target, sign, for_s)
        else:
            group_log.returned(self.settings.name, target)
        self._sort_out()

    def _is_checked(self, target: Target, result: CheckResult) -> None:
        """Take a target out that checks find dead, and back in once they find it alive."""
        rule, before, now_s = self.settings.check, target.checked, self._clock.now_s()
        assert rule is not None
        self.counts.checked(result.outcome)
        target.checked = after = checked(before, result, now_s, rule)
        if after.is_down is before.is_down:
            return
        if not after.is_down:
            target.health = worth_a_trial(target.health, now_s)
        group_log.check_changed(self.settings.name, target, rule, self.targets)
        self._sort_out()

    def _sort_out(self) -> None:
        """Divide the targets into those that serve and those that one request may try."""
        self._serving, self._out = sorted_out(self.targets)
        rotated(self._serving)

    # ── retries ───────────────────────────────────────────────────────────────────────────────────

    def may_retry(self, failed_at: Target | None, reason: Sign, tries: int) -> bool:
        """Whether a request that failed may be tried again elsewhere, after so many retries of its own."""
        if all(each is failed_at for each in self._serving):
            return False
        running = sum(each.running for each in (*self.targets, *self._leaving))
        return self.retries.may_begin(reason, tries, running)

    def ends(self, connection: UpstreamConnection, sign: Sign) -> None:
        """Note that an exchange is over."""
        self.retries.ends(connection, sign)

    # ── names ─────────────────────────────────────────────────────────────────────────────────────

    async def resolve(self) -> None:
        """Look up what is not known, or was not used for long.

        Raises:
            UpstreamNameUnresolved: no target is known then.
        """
        await self.names.find(self._clock.now_s())
        self._moved()
        if not self.targets:
            raise connect_error(self.names.trouble(), way_to(self.settings.addresses[0].place)) from None

    def look_up_early(self) -> None:
        """Look the names up early, because no target is reached so far; nobody waits for that."""
        self.names.use_anew()
        self._moved()

    async def resolve_anew(self) -> None:
        """Look the names up early, because no target could be reached."""
        await self.names.find_anew()
        self._moved()

    def _moved(self) -> None:
        """Make the targets those that the names have now."""
        wanted = dict.fromkeys(self.names.targets())
        present = {each.id: each for each in self.targets}
        if wanted.keys() == present.keys():
            return
        for each in self.targets:
            if each.id not in wanted:
                each.pool.give_up()
                self._leaving.append(each)
                self._memory.keep(each)
        self.targets = [present.get(each) or self._target(each) for each in wanted]
        self._sort_out()
        if self._checks is not None:
            self._checks.keep(self.targets)

    def _target(self, target_id: TargetId) -> Target:
        address = self.settings.addresses[target_id.entry]
        pool = self._make_pool(place_of(address, target_id.ip))
        target = Target(target_id, address, pool, self, self._clock.wall_s)
        target.is_as(self._memory.taken(target_id))
        return target

    # ── as time passes ────────────────────────────────────────────────────────────────────────────

    def start(self) -> None:
        """Check the targets from now on, if they are to be checked."""
        if self._checks is not None:
            self._checks.start(self.targets)

    def take_over(self, before: Group) -> None:
        """Learn of addresses what was known in an earlier group: how they are does not depend on settings."""
        left = Inheritance(before.settings, before.targets)
        for each in self.targets:
            each.is_as(left.of(each, self.settings))
        self._sort_out()

    def sweep(self, now_s: float) -> None:
        """Do what is due: deadlines and idle connections, names that are in use, what is leaving."""
        self._moved()
        is_used = False
        for each in (*self.targets, *self._leaving):
            each.pool.sweep(now_s)
            is_used = is_used or not each.pool.is_empty
        if is_used or (self._checks is not None and self._checks.is_on):
            self.names.use(now_s)
        for each in [one for one in self._leaving if one.pool.is_empty]:
            self._leaving.remove(each)
            each.pool.close()

    def give_up(self) -> None:
        """Keep no idle connections any more, and check nothing."""
        if self._checks is not None:
            self._checks.stop()
        for each in self.targets:
            each.pool.give_up()

    def close(self) -> None:
        """Close every connection."""
        self.names.unwatch(self._moved)
        if self._checks is not None:
            self._checks.stop()
        for each in (*self.targets, *self._leaving):
            each.pool.close()
        self.pool.close()

    async def ended(self) -> None:
        """Wait for the end of checks that were stopped."""
        if self._checks is not None:
            await self._checks.ended()
