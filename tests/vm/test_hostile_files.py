# SPDX-License-Identifier: LGPL-2.1-or-later
"""Files that travel over a jump: with another user who interferes, and without."""
import json
import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from guest import Guest  # noqa: E402

UNITS = {
    # A service in a sandbox, with files in each kind of place, directories that it has made, and a file of root's.
    "honest": ("Environment='FILES=/tmp/sub/one /run/honest/two /dev/shm/honest/sub/three' READS=/run/of-root\n"
               "RuntimeDirectory=honest\nPrivateTmp=yes\nProtectSystem=strict\n"),
    # Another user makes the file first in the next boot.
    "planted": "Environment=FILES=/dev/shm/planted\n",
    # The next boot has a disk where this service had a tmpfs.
    "on-disk": "Environment=FILES=/srv/ram/mine\n",
}


def unit(g, name, text):
    g.write_file(f"/etc/systemd/system/{name}.service", text.encode())


@pytest.fixture(scope="module")
def g(payload):
    with Guest(kernel="6.12", payload=payload, name="hostile-files") as guest:
        for path in (HERE / "hostile").glob("*.py"):
            guest.write_file(f"/opt/hostile/{path.name}", path.read_bytes())
        for name, settings in UNITS.items():
            unit(guest, name, f"[Service]\nExecStart=/usr/bin/python3 /opt/hostile/travels.py\n"
                 f"User=nobody\nGroup=nogroup\n{settings}")
        unit(guest, "plants", "[Unit]\nDefaultDependencies=no\nBefore=warmboot-hold.service\n"
             "ConditionKernelVersion=7.2*\n[Service]\nUser=daemon\n"
             "ExecStart=/usr/bin/python3 /opt/hostile/plants.py /dev/shm/planted\n"
             "ExecStartPost=/bin/sh -c 'until grep -q theirs /dev/shm/planted; do sleep .05; done'\n"
             "[Install]\nWantedBy=sysinit.target\n")
        guest.run("mkdir -p /srv/ram && echo on disk >/srv/ram/mine && chown nobody:nogroup /srv/ram/mine && "
                  "mount -t tmpfs -o mode=1777 none /srv/ram && echo of root >/run/of-root && "
                  "systemctl daemon-reload && systemctl enable plants && systemctl start " + " ".join(UNITS),
                  60, check=True)
        guest.ready(*UNITS)
        yield guest


def test_named_once(g):
    out = g.run("warmboot keep test --json honest 2>/dev/null", 120)
    told = json.loads(out.out[out.out.index("["):])[0]
    print(told)
    assert told["how"] == "process", told
    files = told["files"]
    assert "/tmp" in files and "/tmp/sub/one" not in files, files
    assert "/run/honest" in files and "/run/honest/two" not in files, files


def test_over_a_jump(g):
    g.run("warmboot keep add " + " ".join(UNITS), 60, check=True)
    pid = g.out("systemctl show -P MainPID honest")
    g.jump(f"warmboot reboot {g.image.release('7.2')} --now", 600)
    g.run("systemctl is-system-running --wait", 240)
    kept = g.kept()
    print(json.dumps(kept, indent=1))
    print(g.out("ls -ln /dev/shm /dev/shm/honest /run/of-root /srv/ram; cat /dev/shm/planted /srv/ram/mine;"
                " journalctl -b -u plants -o cat"))
    # A file that another user has put there is neither written to nor given to another owner.
    assert g.out("cat /dev/shm/planted; stat -c %U /dev/shm/planted") == "theirs\ndaemon"
    assert "got" not in g.out("journalctl -b -u plants -o cat")
    assert kept["planted.service"]["how"] == "restart", kept
    assert "belongs to user" in kept["planted.service"]["why"], kept
    # Until the replay has mounted the tmpfs again there is a disk, and nothing is written to it.
    assert kept["on-disk.service"]["how"] == "restart", kept
    assert "would not lie on a tmpfs" in kept["on-disk.service"]["why"], kept
    # The honest service is back with all of its files.
    assert kept["honest.service"]["how"] == "process", kept
    assert g.out("systemctl show -P MainPID honest") == pid
    assert g.out("stat -c '%a %U' /dev/shm/honest /dev/shm/honest/sub /dev/shm/honest/sub/three").split("\n") == [
        "755 nobody", "710 nobody", "640 nobody"]
    assert g.out(f"cat /proc/{pid}/root/tmp/sub/one /run/honest/two /dev/shm/honest/sub/three").split("\n") == [
        "secret of the service"] * 3
    assert g.out("cat /run/of-root; stat -c '%a %U' /run/of-root") == "of root\n644 root"
