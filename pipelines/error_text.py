"""One line about a failure, and with --verbose its traceback without payload text.

The text of an exception of a library may quote the data that it failed on (a JSON parser, pydantic, a SQL error). So
the text is printed of our own exceptions and of the operating system's errors alone; of others only the type and the
line of our code are (docs/data-contract.md: payload text never appears in logs).
"""

import errno
import os
import re
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

from pipelines.terminal_text import escape

OWN_PACKAGES = ("schemas", "transforms", "services", "pipelines", "templates")
_OWN_FOLDERS = tuple(f"{Path(__file__).parents[1] / package}{os.sep}" for package in OWN_PACKAGES)
_DISK = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EACCES, errno.EMFILE)
HINT = "--verbose shows the traceback"
HIDDEN = "(text left out: it may quote data)"
_OWN_ERROR = re.compile(rf"^(?:{'|'.join(OWN_PACKAGES)})\.[\w.]+: (.+)$", re.MULTILINE)
_STEP = re.compile(r" \[while running '[^']*'\]")
"""What Beam appends to the text of an exception: the label of a step, which tells a user nothing."""


def one_line(error: BaseException) -> str:
    """Return what failed in one line: for our own exceptions their text, for others type and place."""
    return known_text(error) or f"unexpected error: {type(error).__name__}{place(error)}; {HINT}"


def known_text(error: BaseException) -> str | None:
    """Return the text of our own exceptions and of the operating system's errors, which quote no data; else None."""
    if isinstance(error, MemoryError):
        return "not enough memory"
    if isinstance(error, OSError) and (text := system_error(error)):
        return text
    if _is_own(error):
        return _flat(str(error))
    if own := _OWN_ERROR.findall(str(error)):  # of a worker process: the runner passes its traceback on as text
        return _flat(own[-1])
    for cause in _chain(error):  # a library that closes its file after a full disk raises an error of its own
        if isinstance(cause, OSError) and cause.errno in _DISK and (text := system_error(cause)):
            return f"{text}{place(cause) if cause.filename is None else ''}"
    return None


def system_error(error: OSError) -> str:
    """Return `PATH: REASON` of an error of the operating system; empty if it is none of those."""
    if error.strerror is None:
        return ""
    names = [os.fsdecode(name) for name in (error.filename, error.filename2) if isinstance(name, (str, bytes))]
    where = f"{' -> '.join(names)}: " if names else ""
    return _flat(f"{where}{error.strerror}")


def place(error: BaseException) -> str:
    """Return ` at FILE:LINE` of the innermost line of our code that the error passed through; empty if there is none."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith(_OWN_FOLDERS)]
    if not frames:
        return ""
    file = Path(frames[-1].filename)
    return f" at {file.parent.name}/{file.name}:{frames[-1].lineno}"


def masked_traceback(error: BaseException) -> str:
    """Return the traceback of an error and of its causes; texts that may quote data are left out."""
    lines = [f"Traceback of {os.path.basename(sys.argv[0])}, the cause first:"]
    for item in reversed(list(_chain(error))):
        lines += [line for entry in traceback.format_tb(item.__traceback__) for line in entry.rstrip().split("\n")]
        lines.append(f"{type(item).__module__}.{type(item).__qualname__}: {_shown(item)}")
    return "\n".join(lines)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _shown(error: BaseException) -> str:
    if isinstance(error, OSError):
        return system_error(error) or HIDDEN
    return _flat(str(error)) if _is_own(error) or isinstance(error, KeyboardInterrupt) else HIDDEN


def _is_own(error: BaseException) -> bool:
    return type(error).__module__.split(".")[0] in OWN_PACKAGES


def _flat(text: str) -> str:
    return escape(" ".join(_STEP.sub("", text).split()))
