"""How often one may ask: a bucket of tokens for each key or address, filled at the rate that is set."""

import functools
import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable

BURST = 2
_MOST = 100_000


class Buckets:
    """`rate` requests a second for each, and twice as many at once. A bucket that is full again is forgotten."""

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.rate, self.most, self.clock = rate, max(1.0, BURST * rate), clock
        # Tokens, and when they were counted; who came last stands last.
        self._left: OrderedDict[bytes, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._left)

    def wait(self, who: bytes) -> float:
        """Seconds until `who` may ask; 0 means now, and takes a token."""
        now = self.clock()
        self._forget(now)
        tokens, at = self._left.get(who, (self.most, now))
        tokens = min(self.most, tokens + (now - at) * self.rate)
        may = tokens >= 1
        self._left[who] = (tokens - may, now)
        self._left.move_to_end(who)
        return 0.0 if may else (1 - tokens) / self.rate

    def _forget(self, now: float) -> None:
        idle = self.most / self.rate
        while self._left:
            _, at = next(iter(self._left.values()))
            if now - at < idle and len(self._left) < _MOST:
                return
            self._left.popitem(last=False)


@functools.lru_cache(4096)
def address(host: str) -> bytes:
    """Who an address counts as: of IPv6 the network of a household, which has more addresses than can be counted."""
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        return host.encode()
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is None:
        return found.packed[:8]
    return found.packed
