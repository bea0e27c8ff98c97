"""The default sources of the bank's time and ids."""

import os
import sys
import threading
from datetime import UTC, datetime
from functools import partial
from typing import Final

#: Returns the system's time.
utc_now: Final = partial(datetime.now, UTC)

_RANDOM_BITS: Final = 74
# Within a millisecond, an id is at most so much greater than the one before it.
_STEP_BITS: Final = 32


class _Ids:
    """The ids of this process, each greater than the one before."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Begin anew, as a child must after a fork: another thread may have held the lock."""
        # One that a signal handler may take again.
        self._lock = threading.RLock()
        self._last = 0

    def next(self) -> str:
        milliseconds = int(datetime.now(UTC).timestamp() * 1000)
        random = int.from_bytes(os.urandom(10))
        with self._lock:
            number = (milliseconds << _RANDOM_BITS) | (random >> (80 - _RANDOM_BITS))
            if number >> _RANDOM_BITS <= self._last >> _RANDOM_BITS:
                number = self._last + 1 + random % (1 << _STEP_BITS)
            self._last = number
        # The time and 12 bits, the version, then the variant before the rest.
        first, rest = number >> 62, number & ((1 << 62) - 1)
        text = f"{first >> 12:012x}7{first & 0xFFF:03x}{(0b10 << 62) | rest:016x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


_ids: Final = _Ids()

if sys.platform != "win32":
    os.register_at_fork(after_in_child=_ids.begin)


def time_ordered_id() -> str:
    """
    Return a UUID of version 7 (RFC 9562), greater than all that this process has made before.

    Its first 48 bits are the time in milliseconds: new ids sort after older ones, which keeps a
    store's index of ids quick to write.
    """
    return _ids.next()
