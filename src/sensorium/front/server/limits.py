"""How often one address may ask, and how often it may be wrong about the token. Pure; time is an argument.

Whoever guesses is slowed down before the guess is looked at: else a right one would still be found by trying.
"""

from __future__ import annotations

import math
from collections import OrderedDict

from sensorium.front.rates import Rate

# A page is some fifty files at once, and asks a few times a second; so does a client that is in a hurry.
REQUESTS_PER_S = 50.0
REQUEST_BURST = 400.0
# Twenty mistakes are forgiven, then one every five seconds.
WRONG_TOKENS_PER_S = 0.2
WRONG_TOKEN_BURST = 20.0
# Whoever has more addresses than this begins anew with each; the oldest are forgotten.
MAX_ADDRESSES = 4_096


class Limits:
    """Answers are whole seconds to wait, as Retry-After gives them; 0: go on."""

    def __init__(self) -> None:
        self._requests = _ByAddress(REQUESTS_PER_S, REQUEST_BURST)
        self._wrong_tokens = _ByAddress(WRONG_TOKENS_PER_S, WRONG_TOKEN_BURST)

    def request(self, address: str, now_s: float) -> int:
        """For every request, and every WebSocket that is opened."""
        rate = self._requests.of(address)
        return 0 if rate.takes(1.0, now_s) else math.ceil(rate.wait_s(1.0, now_s))

    def guess(self, address: str, now_s: float) -> int:
        """Before a token is looked at."""
        return math.ceil(self._wrong_tokens.of(address).wait_s(1.0, now_s))

    def guessed_wrong(self, address: str, now_s: float) -> None:
        self._wrong_tokens.of(address).takes(1.0, now_s)


class _ByAddress:
    def __init__(self, per_s: float, burst: float) -> None:
        self._per_s = per_s
        self._burst = burst
        self._rates: OrderedDict[str, Rate] = OrderedDict()

    def of(self, address: str) -> Rate:
        rate = self._rates.pop(address, None) or Rate(self._per_s, self._burst)
        self._rates[address] = rate
        if len(self._rates) > MAX_ADDRESSES:
            self._rates.popitem(last=False)
        return rate
