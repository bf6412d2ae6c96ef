from __future__ import annotations

from gateway.system.mounts import mount_points, mount_warnings


def test_mounts_are_read_as_the_system_writes_them():
    table = "36 35 98:0 /a /etc/a\\040b rw - ext4 /dev/x rw\n37 35 0:1 / /proc rw,noatime shared:1 - proc proc rw\n"
    assert mount_points(table) == {"/etc/a b", "/proc"}
    assert mount_points("") == frozenset()


def test_a_file_of_a_usual_folder_is_no_mount(tmp_path):
    assert list(mount_warnings([str(tmp_path / "gateway.yaml")])) == []
