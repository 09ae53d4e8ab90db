"""Whether a path lies on a network file system, where SQLite's locks can't be trusted.

A pure reading of Linux's ``/proc/self/mountinfo``; elsewhere there is nothing to read and nothing
is refused.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

__all__ = ["network_file_system"]

_NETWORK = re.compile(
    r"nfs\d*|cifs|smb\w*|afs|ceph|lustre|glusterfs|gpfs|beegfs|"
    r"fuse\.(?:sshfs|glusterfs|ceph|s3fs|rclone|gcsfuse|davfs2?)"
)
_ESCAPED = re.compile(r"\\([0-7]{3})")


def network_file_system(path: str, mountinfo: str) -> str | None:
    """Return the type of the network file system that holds an absolute path, None if local."""
    target = PurePosixPath(path)
    found = ""
    deepest = -1
    for line in mountinfo.splitlines():
        mount, _, source = line.partition(" - ")
        fields = mount.split(" ")
        if len(fields) < 5 or not source:
            continue
        point = PurePosixPath(_ESCAPED.sub(lambda m: chr(int(m[1], 8)), fields[4]))
        # The last of two mounts on the same point hides the first.
        if target.is_relative_to(point) and len(point.parts) >= deepest:
            deepest = len(point.parts)
            found = source.split(" ")[0]
    return found if _NETWORK.fullmatch(found) else None
