"""Write a file whole or not at all, so that a reader never meets half of one."""

from __future__ import annotations

import os
import tempfile
from errno import EINVAL
from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Write beside the target, then rename onto it; a link is written through, with the usual permissions.

    Raises:
        OSError: the folder cannot be written, or what stands there is no regular file.
    """
    path = path.resolve()
    if path.exists() and not path.is_file() and not path.is_dir():
        raise OSError(EINVAL, "it is no regular file")
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(beside, 0o666 & ~mask)  # mkstemp makes files that only their owner may read
        os.replace(beside, path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise
