"""
The file of a store, before it is opened and from outside, and a copy of it.

Decided here: what at a path is refused, and left as it is, and how it is noticed that a file was
removed, replaced or linked while it is open. SQLite alone opens the file: closing any other
descriptor of it would drop SQLite's locks for the whole process. SQLite makes a copy too, under
another name; it gets its own only when all of it is on the disk.
"""

import io
import os
import sqlite3
import stat
import time
from contextlib import closing, suppress
from functools import partial
from typing import Final
from urllib.parse import quote

from bankcore.ledger._errors import StoreFormatError, StoreMisuseError, StoreUnavailableError
from bankcore.stores._migrations import require_no_newer
from bankcore.stores._sqlite import _migrations
from bankcore.stores._sqlite._errors import primary_code
from bankcore.stores._sqlite._settings import mode_of
from bankcore.values._errors import shown

# The smallest SQLite database is one page of this many bytes.
_SQLITE_FILE_MIN: Final = 512

# Device and inode of a file; None for one that is not there.
_FileId = tuple[int, int] | None

# A directory whose last change is older than this, in nanoseconds, was not changed again within
# the same tick of the clock of its file system. A tick is 10 ms at most, but where times are whole
# seconds: there it is up to two seconds.
_SETTLED_AFTER: Final = 100_000_000
_SETTLED_AFTER_COARSE: Final = 3_000_000_000

_REPLACED: Final = (
    ", or a file of it (-wal, -shm, .lock), was removed or replaced while it was open, or its"
    " journal mode was changed, and nothing more is written through this store; see what happened"
    " to the files, then open a new one"
)
# SQLite finds the log by the name of the file, so that under another name it keeps another log.
_LINKED: Final = (
    " has a second name, a hard link, under which SQLite would keep a second log, and what is in"
    " one would be lost in the other; remove all names but one, then open it again"
)


def real_path(name: str) -> str:
    """Return where the file of this *name* is: its log lies beside it, not beside a link to it."""
    # Absolute, so that a later change of directory does not lead to another file.
    try:
        return os.path.realpath(name)
    except ValueError as error:  # a NUL in it
        raise StoreFormatError(shown(name), f"it names no file: {error}") from error


def require_file(path: str, *, create: bool) -> None:
    """Raise unless *path* is a file; make one, readable by its owner alone, if there is none."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        if not create:
            raise StoreUnavailableError(f"there is no file {path}") from None
        _create(path)
        return
    except OSError as error:
        if error.errno is None:  # raised by a signal handler
            raise
        raise StoreUnavailableError(f"{path} cannot be used: {error.strerror}") from error
    if stat.S_ISDIR(mode):
        raise StoreFormatError(path, "it is a directory")
    if not stat.S_ISREG(mode):
        raise StoreFormatError(path, "it is not a file")


class Watch:
    """The database at *path*, which is there already, and the files beside it."""

    def __init__(self, path: str) -> None:
        self._names = (f"{path}-wal", f"{path}-shm", f"{path}.lock")
        self._path = path
        self._directory = os.path.dirname(path)
        self.file_id = self._main()
        # Those that are open, and the directory when they were last looked at.
        self._open: tuple[_FileId, ...] | None = None
        self._seen: tuple[int, ...] | None = None

    def forget(self) -> None:
        """Take the files beside it that are there at the next look for those that are open."""
        self._open = self._seen = None

    def difference(self) -> str | None:
        """Return how the files are not those that were opened, or None; it opens none."""
        if self._main() != self.file_id:
            return f"{self._path}{_REPLACED}"
        # To ask for the times of the log makes its next flush a third slower on some systems. And
        # nothing is made, removed or renamed in a directory without a change of its own times.
        asked_at = time.time_ns()
        status = os.stat(self._directory)
        seen = (status.st_dev, status.st_ino, status.st_ctime_ns)
        if seen == self._seen:
            return None
        found = tuple(map(_id_of, self._names))
        if self._open is None:
            self._open = found
        is_coarse = status.st_ctime_ns % 1_000_000_000 == 0
        settled_after = _SETTLED_AFTER_COARSE if is_coarse else _SETTLED_AFTER
        self._seen = seen if asked_at - status.st_ctime_ns > settled_after else None
        return None if found == self._open else f"{self._path}{_REPLACED}"

    def _main(self) -> _FileId:
        try:
            status = os.stat(self._path)
        except FileNotFoundError:
            return None
        # A directory, which is another file, has several names.
        if status.st_nlink > 1 and stat.S_ISREG(status.st_mode):
            raise StoreMisuseError(f"{self._path}{_LINKED}")
        return (status.st_dev, status.st_ino)


def _id_of(name: str) -> _FileId:
    try:
        status = os.stat(name)
    except FileNotFoundError:
        return None
    return (status.st_dev, status.st_ino)


_kept_open: list[sqlite3.Connection] = []


def keep_open(connection: sqlite3.Connection) -> None:
    """Let nothing close *connection*, not even the end of the interpreter."""
    _kept_open.append(connection)
    with suppress(ImportError, OSError):  # as where no more files can be opened
        import ctypes  # noqa: PLC0415  # hardly ever needed

        ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))


def _create(path: str) -> None:
    try:
        directory = os.stat(os.path.dirname(path))
        if directory.st_mode & stat.S_IWOTH and not directory.st_mode & stat.S_ISVTX:
            raise StoreUnavailableError(
                f"anybody may replace files in {os.path.dirname(path)}; use another directory"
            )
        # An empty file is an empty database. No connection can be using it yet, so that
        # closing this descriptor drops nobody's lock.
        io.FileIO(path, "x", opener=partial(os.open, mode=0o600)).close()
    except FileExistsError:
        return  # another process was quicker
    except OSError as error:
        if error.errno is None:  # raised by a signal handler
            raise
        raise StoreUnavailableError(f"{path} cannot be made: {error.strerror}") from error


def require_own(path: str, timeout: float) -> None:
    """Raise, without writing, unless the file is empty or a bankcore store."""
    size = os.stat(path).st_size
    if size == 0:
        return
    if size < _SQLITE_FILE_MIN:  # SQLite itself would take it for an empty one
        raise StoreFormatError(path, "it is not an SQLite database")
    # Nobody uses it, as far as can be seen: then all of it is in the file itself, and SQLite
    # may look at it without making its companions beside it.
    is_in_use = any(os.path.exists(path + suffix) for suffix in ("-wal", "-journal", ".lock"))
    try:
        _look_into(path, "mode=ro" if is_in_use else "immutable=1", timeout)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_READONLY_ROLLBACK:
            raise
        # The file cannot be read before its journal is played back, which changes it. So first see
        # whose it is: an immutable read mostly tells that, even with half a write in the file.
        with suppress(sqlite3.DatabaseError):
            _look_into(path, "immutable=1", timeout)
        _look_into(path, "mode=rw", timeout)
    except StoreFormatError:
        # Unless another process has just begun to make a store of it.
        if is_in_use or not os.path.exists(f"{path}.lock"):
            raise
        _look_into(path, "mode=ro", timeout)


def _look_into(path: str, how: str, timeout: float) -> None:
    connection = sqlite3.connect(
        f"file://{quote(os.fsencode(path))}?{how}", uri=True, timeout=timeout, isolation_level=None
    )
    try:
        tables = tables_in(connection)
        if not tables:
            return
        if "bankcore_schema" not in tables:
            raise StoreFormatError(path, f"it is another program's database, with {tables[0]}")
        require_no_newer(_migrations.version_in(connection), _migrations.STEPS)
    except sqlite3.DatabaseError as error:
        if primary_code(error) == sqlite3.SQLITE_NOTADB:
            raise StoreFormatError(path, "it is not an SQLite database") from error
        raise
    finally:
        connection.close()


def tables_in(connection: sqlite3.Connection) -> list[str]:
    found = connection.execute("SELECT name FROM sqlite_master ORDER BY name").fetchall()
    return [name for (name,) in found]


# -- A copy of a database that is in use --------------------------------------


def write_copy(connection: sqlite3.Connection, target: str) -> None:
    """Write a copy of the database, as it is at one moment, to *target*."""
    for suffix in ("", "-wal", "-shm", "-journal"):  # SQLite would take them for parts of it
        if os.path.lexists(target + suffix):
            raise _exists(target + suffix)
    directory = os.path.dirname(target)
    part = f"{target}.{os.urandom(8).hex()}.part"
    try:
        io.FileIO(part, "x", opener=partial(os.open, mode=0o600)).close()
        connection.execute("VACUUM INTO ?", (part,))
        with closing(sqlite3.connect(part, isolation_level=None)) as copy:
            # SQLite makes every copy without WAL.
            copy.execute(f"PRAGMA journal_mode = {mode_of(connection)}").fetchall()
        with io.FileIO(part) as made:
            os.fsync(made)
        # Unlike a renaming, this fails where something has appeared there meanwhile.
        os.link(part, target)
        # Here too, as a signal handler may interrupt the other: a file with two names is refused.
        os.unlink(part)
        _flush(directory)
    except FileExistsError as error:
        raise _exists(target) from error
    except (FileNotFoundError, NotADirectoryError) as error:
        raise StoreUnavailableError(f"there is no directory {directory} for a copy") from error
    except sqlite3.DatabaseError as error:
        # A read error there has the code of damage.
        is_of_copy = "unable to open database: " in str(error)
        if primary_code(error) != sqlite3.SQLITE_ERROR and not is_of_copy:
            raise
        # That the copy cannot be opened says nothing about the store.
        raise StoreUnavailableError(f"the copy cannot be written: {error}") from error
    finally:
        with suppress(FileNotFoundError, NotADirectoryError):
            os.unlink(part)


def _flush(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _exists(path: str) -> StoreMisuseError:
    return StoreMisuseError(f"{path} is there already, and a backup overwrites nothing")
