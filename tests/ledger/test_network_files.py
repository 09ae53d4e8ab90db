"""Network file systems are told from local ones by reading the mounts."""

from pathlib import Path

import pytest

from stanchion.errors import ConfigurationError
from stanchion.ledger._network_files import network_file_system
from stanchion.ledger._open import local_file

MOUNTS = r"""22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
23 22 0:21 / /proc rw shared:2 - proc proc rw
40 22 0:40 / /mnt/team rw,relatime shared:3 - nfs4 server:/team rw,vers=4.2
41 40 254:2 / /mnt/team/local rw,relatime shared:4 - xfs /dev/vdb rw
42 22 0:42 / /mnt/with\040space rw master:9 propagate_from:3 - cifs //server/share rw
43 22 0:43 / /home/ann/remote rw,nosuid - fuse.sshfs ann@host: rw
44 22 0:44 / /mnt/teamwork rw - 9p share rw
45 22 0:45 / /data rw - tmpfs tmpfs rw
46 22 0:46 / /data rw - lustre mgs:/fs rw
47 22 0:47 / /over rw - nfs server:/x rw
48 22 0:48 / /over rw - ext4 /dev/vdc rw
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/srv/agent.db", None),
        ("/mnt/team/agent.db", "nfs4"),
        ("/mnt/team/local/agent.db", None),
        ("/mnt/with space/agent.db", "cifs"),
        ("/home/ann/remote/deep/agent.db", "fuse.sshfs"),
        ("/mnt/teamwork/agent.db", None),
        ("/data/agent.db", "lustre"),
        ("/over/agent.db", None),
    ],
)
def test_the_deepest_and_last_mount_decides(path: str, kind: str | None) -> None:
    assert network_file_system(path, MOUNTS) == kind


@pytest.mark.parametrize("text", ["", "nonsense\n", "1 2 3\n", " - nfs\n"])
def test_mounts_that_can_not_be_read_refuse_nothing(text: str) -> None:
    assert network_file_system("/srv/agent.db", text) is None


def test_a_file_on_a_network_file_system_is_refused_and_not_made(tmp_path: Path) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"40 22 0:40 / {tmp_path} rw - nfs4 server:/team rw\n")

    with pytest.raises(ConfigurationError, match="network file system \\(nfs4\\)") as refused:
        local_file(f"{tmp_path}/agent.db", 1, mounts)

    assert "local disk, or use PostgreSQL" in refused.value.remedy
    assert [file.name for file in tmp_path.iterdir()] == ["mountinfo"]
