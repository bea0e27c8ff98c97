"""
The lines of a file of text: unpacked, bounded, and to be read a second time.

Decided here: how a file that breaks off is told, with the line, and how much of a line that has no
end is read. Nothing here knows what the lines mean.
"""

import codecs
import gzip
import lzma
import os
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from io import TextIOBase
from tempfile import TemporaryFile
from typing import Any, Final, TextIO

from bankcore.ledger._errors import InvalidHistoryError
from bankcore.money._errors import InvalidFormatError
from bankcore.values._errors import InvalidArgumentError, path_text, shown

#: The most characters of one line, its end included.
LINE_LENGTH_MAX: Final = 1_000_000

_UNREADABLE: Final = (EOFError, OSError, lzma.LZMAError, zlib.error)


@contextmanager
def opened(path: str | os.PathLike[str], encoding: str = "utf-8") -> Iterator[TextIO]:
    """
    Open the file at *path* as text, unpacked if its name ends in ``.gz`` or ``.xz``.

    Raises:
        InvalidArgumentError: If *path* is no path.
        InvalidFormatError: If Python knows no such encoding.
        InvalidHistoryError: If it is absent, not what its name says, or not of this encoding.
    """
    name = path_text(path)
    known = _to_encoding(encoding)
    unpackers: dict[str, Callable[..., TextIO]] = {".gz": gzip.open, ".xz": lzma.open}
    unpack = unpackers.get(name[-3:], open)
    try:
        with unpack(name, "rt", encoding=known, newline="") as file:
            yield file
    except InvalidHistoryError as error:
        error.reason = f"{name}: {error.reason}"
        raise
    except (*_UNREADABLE, UnicodeDecodeError) as error:
        raise InvalidHistoryError(f"{name}: {_reason(error)}") from error


def _to_encoding(name: str) -> str:
    try:
        known = codecs.lookup(name)
        "".encode(name)  # which raises if it encodes something else than text
    except (LookupError, TypeError, ValueError):
        reason = "must be an encoding that Python knows, such as utf-8 or cp1252"
        raise InvalidFormatError(shown(name), reason).about("encoding") from None
    # Spreadsheets begin a file with a byte-order mark.
    return "utf-8-sig" if known.name == "utf-8" else known.name


def require_lines(value: object, field: str) -> None:
    """Raise unless *value* may have lines of text; a name is no file, and gives its letters."""
    if isinstance(value, str | bytes) or not isinstance(value, Iterable):
        reason = "must be lines of text, such as an open file"
        raise InvalidArgumentError(shown(value), reason).about(field)


def lines_of(file: Iterable[str]) -> Iterator[str]:
    """
    Yield the lines of *file*.

    Raises:
        InvalidHistoryError: If it breaks off, or a line is too long; it says in which line.
    """
    lines = iter(file)
    if isinstance(file, TextIOBase):
        # Of a line without an end no more is read.
        lines = iter(partial(file.readline, LINE_LENGTH_MAX + 1), "")
    number = 0
    try:
        for line in lines:
            number += 1
            if not isinstance(line, str):
                raise InvalidHistoryError(f"line {number} is no text: open the file as text")
            if len(line) > LINE_LENGTH_MAX:
                reason = f"line {number} has more than {LINE_LENGTH_MAX:,} characters"
                raise InvalidHistoryError(reason)
            yield line
    except UnicodeDecodeError as error:
        # Files are decoded in pieces; all lines before this one have been read.
        before = error.object[: error.start].decode(error.encoding, "replace")
        number += 1 + before.count("\n") + before.count("\r") - before.count("\r\n")
        wrong = f"byte 0x{error.object[error.start]:02x}"
        name = str(getattr(file, "encoding", error.encoding)).upper().removesuffix("-SIG")
        reason = f"line {number} is not {name} ({wrong}), but perhaps in another encoding"
        raise InvalidHistoryError(reason, settings=("encoding",)) from error
    except _UNREADABLE as error:
        where = f"it breaks off after line {number}: " if number else ""
        raise InvalidHistoryError(f"{where}{_reason(error)}") from error


def _reason(error: Exception) -> str:
    if isinstance(error, gzip.BadGzipFile):
        return "it is not packed as its name says"  # its own text quotes bytes
    # The text of an OSError repeats the path.
    return getattr(error, "strerror", None) or str(error)


def read_twice(
    file: Iterable[str], stack: ExitStack
) -> tuple[Iterator[str], Callable[[], Iterator[str]]]:
    """
    Return the lines of *file*, and a function that returns them again, once they were read.

    What can be read only once, such as a pipe, is copied to a temporary file until *stack* ends.
    """
    if iter(file) is not file:
        return lines_of(file), partial(lines_of, file)
    start = _position(file)
    if start is None:
        made = TemporaryFile("w+", encoding="utf-8", errors="surrogatepass", newline="")  # noqa: SIM115  # the stack closes it
        copy = stack.enter_context(made)
        return _copied(lines_of(file), copy), partial(_from, copy, 0)
    return lines_of(file), partial(_from, file, start)


def _position(file: Iterable[str]) -> int | None:
    """Return where *file* is, for `_from`; None if it cannot go back."""
    # A pipe has no position, and a file over which somebody iterates does not tell it.
    with suppress(OSError):
        if isinstance(file, TextIOBase):
            return file.tell()
    return None


def _from(file: Any, start: int) -> Iterator[str]:  # noqa: ANN401  # whatever `_position` has asked
    file.seek(start)
    return lines_of(file)


def _copied(lines: Iterator[str], copy: TextIO) -> Iterator[str]:
    for line in lines:
        copy.write(line)
        yield line
