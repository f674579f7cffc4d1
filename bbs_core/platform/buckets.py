"""How often users have done things lately, in the memory of this server."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

from bbs_core.clock import now_ms
from bbs_core.public.rates import Rate

# A hundred bytes each. Beyond so many the one that was used the longest ago is forgotten, which is as good as full.
BUCKETS = 10_000


class Buckets:
    """A bucket for each key, from which every use takes one out, and which fills again as time passes.

    Kept of each is the moment at which it will be full.
    """

    def __init__(self, limit: int = BUCKETS) -> None:
        self._limit = limit
        self._full_at_ms: OrderedDict[Hashable, int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._full_at_ms)

    def left(self, key: Hashable, rate: Rate) -> int:
        """Return how many uses there are."""
        return rate.times - -(-self._missing_ms(key, rate) // rate.pause_ms)

    def wait_ms(self, key: Hashable, rate: Rate) -> int:
        """Return how long to wait for the next use; 0 where there is one."""
        return max(0, self._missing_ms(key, rate) - (rate.times - 1) * rate.pause_ms)

    def take(self, key: Hashable, rate: Rate) -> None:
        """Use it once."""
        self._full_at_ms[key] = now_ms() + self._missing_ms(key, rate) + rate.pause_ms
        self._full_at_ms.move_to_end(key)
        if len(self._full_at_ms) > self._limit:
            self._full_at_ms.popitem(last=False)

    def _missing_ms(self, key: Hashable, rate: Rate) -> int:
        """Return how long it takes to be full; no longer than from empty, whatever the rate was before."""
        return min(max(0, self._full_at_ms.get(key, 0) - now_ms()), rate.times * rate.pause_ms)
