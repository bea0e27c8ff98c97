"""The default sources of the bank's time and ids."""

import os
from datetime import UTC, datetime
from functools import partial
from typing import Final

#: Returns the system's time.
utc_now: Final = partial(datetime.now, UTC)


def time_ordered_id() -> str:
    """
    Return a UUID of version 7 (RFC 9562).

    Its first 48 bits are the time in milliseconds: new ids sort after older ones, which keeps a
    store's index of ids quick to write.
    """
    milliseconds = int(datetime.now(UTC).timestamp() * 1000)
    number = (milliseconds << 80) | int.from_bytes(os.urandom(10))
    number = number & ~(0xF << 76) | (7 << 76)
    number = number & ~(0b11 << 62) | (0b10 << 62)
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
