# SPDX-License-Identifier: LGPL-2.1-or-later
"""Faults while virtual machines are kept over a jump: a disk that is late, a flipped bit, power cuts."""
import json
import os
import pathlib
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from counting import counted  # noqa: E402
from guest import TOP, Guest  # noqa: E402
from test_faults import FAULT  # noqa: E402

pytestmark = pytest.mark.long

COUNTER = pathlib.Path(os.environ.get("WARMBOOT_BUILD") or TOP / "build") / "tests/unit/counter.img"
GUESTS = ("v1", "v2")

# With huge pages, and a disk that a unit of its own mounts.
UNIT = """[Unit]
Description=a guest in one sector
RequiresMountsFor=/srv/late
[Service]
Nice=19
ExecStart=/usr/bin/qemu-system-x86_64 -name {name} -machine pc-q35-10.0,accel=tcg,memory-backend=ram0 -m 64M \\
 -nodefaults -display none \\
 -object memory-backend-file,id=ram0,size=64M,mem-path=/dev/hugepages/{name}.ram,share=on \\
 -drive file=/srv/late/{name}.img,format=raw,if=none,id=d -device virtio-blk,drive=d \\
 -chardev file,id=s,path=/var/lib/{name}.log,append=on -serial chardev:s \\
 -qmp unix:/run/{name}.qmp,server=on,wait=off
[Install]
WantedBy=multi-user.target
"""
LATE = """[Unit]
After=slow.service
Wants=slow.service
[Mount]
What=/var/lib/late.img
Where=/srv/late
Options=loop
[Install]
WantedBy=multi-user.target
"""
# Does nothing until a test wants it.
SLOW = """[Unit]
DefaultDependencies=no
Before=srv-late.mount
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c '! rm /var/lib/slow || { sync; echo t: slow; sleep 40; }'
StandardOutput=journal+console
"""

# Flip one bit of the state of one guest, which begins with QEMU's magic number.
FLIP = """cat >/run/t-flip.py <<'END'
import json, mmap
store = json.load(open("/run/warmboot/store.json"))
def flip():
    with open(store["path"], "r+b") as f:
        for off, _, size in store["pieces"]:
            m = mmap.mmap(f.fileno(), size, offset=off)
            at = m.find(b"QEVM")
            if at >= 0:
                m[at + 64] ^= 1
                return print("t: flipped 1")
flip()
END
python3 /run/t-flip.py
"""


def lines(g, name):
    return counted(g.out(f"cat /var/lib/{name}.log", 60))


def wait_for_more(g, n):
    have = {name: len(lines(g, name)) for name in GUESTS}
    for name in GUESTS:
        g.until(f"[ $(grep -c ^C /var/lib/{name}.log) -ge {have[name] + n} ]", 240)


@pytest.fixture(scope="module")
def host(payload):
    with Guest(kernel="6.12", mem="2G", suite="trixie-host", payload=payload) as g:
        g.write_file("/etc/sysctl.d/guests.conf", b"vm.nr_hugepages=64\n")
        for name, text in (("srv-late.mount", LATE), ("slow.service", SLOW), ("fault-after.service", FAULT.format(
                               name="after", before="", after="warmboot-freeze.service")),
                           ("fault-save.service", FAULT.format(
                               name="save", before="warmboot-freeze.service", after="")),
                           *((f"{n}.service", UNIT.format(name=n)) for n in GUESTS)):
            g.write_file(f"/etc/systemd/system/{name}", text.encode())
        g.run("sysctl -q --system; truncate -s 16M /var/lib/late.img; mkfs.ext4 -q /var/lib/late.img; "
              "systemctl daemon-reload; systemctl enable fault-after fault-save; systemctl enable --now srv-late.mount; mkdir -p /opt/t", 120, check=True)
        for name in GUESTS:
            g.write_file(f"/srv/late/{name}.img", COUNTER.read_bytes()[:512])
        g.run("truncate -s 1M /srv/late/*.img; systemctl enable --now v1 v2", 120, check=True)
        for name in GUESTS:
            g.until(f"[ -s /var/lib/{name}.log ]", 240)
        g.run("warmboot keep add vm:v1 vm:v2", 180, check=True)
        yield g


def other(g):
    return g.image.release("7.2" if g.out("uname -r") == g.image.release("6.12") else "6.12")


def test_guests_wait_for_a_disk_that_is_late(host):
    """The file system with their disks is mounted long after the restore could have begun."""
    g = host
    wait_for_more(g, 2)
    g.run("touch /var/lib/slow; sync", check=True)
    g.jump(f"warmboot reboot {other(g)}", 600)
    for told in g.kept("v1.service", "v2.service", timeout=240).values():
        assert (told["how"], told["outcome"], told["why"]) == ("vm", "kept", None), told
        assert told["frozen_s"] > 20, "the disk was not late"
    assert g.run("test -e /var/lib/slow").rc == 1
    wait_for_more(g, 2)
    for name in GUESTS:
        counts = lines(g, name)
        assert [c for c, _ in counts] == list(range(1, len(counts) + 1)), f"{name} began anew"
        assert all(b == 0 for _, b in counts)


def began_anew(g, name, before):
    """It started once more, and has counted from the beginning since. A power cut may have damaged its first lines."""
    counts = [c for c, _ in lines(g, name)[before:]]
    starts = [i for i, c in enumerate(counts) if c < 4]
    return bool(starts) and counts[starts[0]:] == list(range(counts[starts[0]], counts[starts[0]] + len(counts) - starts[0]))


def test_flipped_bit_in_the_state_of_one_guest(host):
    """That guest starts in the ordinary way, and the other one goes on."""
    g = host
    wait_for_more(g, 2)
    before = {name: len(lines(g, name)) for name in GUESTS}
    g.write_file("/opt/t/after", FLIP.encode())
    g.jump(f"warmboot reboot {other(g)}", 600)
    told = g.kept("v1.service", "v2.service", timeout=240)
    g.expect_console("t: flipped 1", 1)
    outcomes = {name: told[f"{name}.service"]["outcome"] for name in GUESTS}
    assert sorted(outcomes.values()) == ["kept", "restarted"], told
    wait_for_more(g, 2)
    for name, outcome in outcomes.items():
        assert began_anew(g, name, before[name]) == (outcome == "restarted"), name
        assert outcome == "kept" or "damaged" in told[f"{name}.service"]["why"], told


# QEMU hangs when the freeze speaks to it, and dies then.
KILL = """pid=$(systemctl show -P MainPID v1)
kill -STOP $pid
{ sleep 5; kill -9 $pid; echo t: killed; } &
"""


def test_qemu_dies_while_it_is_saved(host):
    """Its guest begins anew, and the other one goes on."""
    g = host
    wait_for_more(g, 2)
    before = {name: len(lines(g, name)) for name in GUESTS}
    g.write_file("/opt/t/save", KILL.encode())
    g.jump(f"warmboot reboot {other(g)}", 600)
    g.expect_console("t: killed", 1)
    told = g.kept("v1.service", "v2.service", timeout=240)
    assert told["v1.service"]["outcome"] == "restarted" and "QEMU" in told["v1.service"]["why"], told
    assert told["v2.service"]["outcome"] == "kept", told
    wait_for_more(g, 2)
    for name in GUESTS:
        assert began_anew(g, name, before[name]) == (name == "v1"), told


def cut(g, command, line):
    """Cut the power when the console shows `line`; each guest then begins anew with ordinary memory."""
    wait_for_more(g, 2)
    before = {name: len(lines(g, name)) for name in GUESTS}
    g.run("sync", check=True)
    mark, old = time.monotonic(), g.boot_id
    g.start(command)
    g.expect_console(line, 600, since=mark)
    g.reset()
    g.wait_ready(600, not_boot_id=old)
    g.run("systemctl is-system-running --wait", 240)
    wait_for_more(g, 2)
    assert json.loads(g.out("warmboot status --json"))["last_jump"]["outcome"] == "firmware-reboot"
    assert all(began_anew(g, name, before[name]) for name in GUESTS)
    assert g.out("systemctl --failed --no-legend") == ""


def test_power_cut_between_save_and_jump(host):
    """The power is cut while the shutdown stands still."""
    host.write_file("/opt/t/after", b"sync; echo t: frozen; sleep 300\n")
    cut(host, f"warmboot reboot {other(host)}", "t: frozen")


def test_power_cut_between_jump_and_resume(host):
    """The next kernel waits for the guests' disks when the power is cut."""
    host.run("touch /var/lib/slow; sync", check=True)
    cut(host, f"warmboot reboot {other(host)}", "t: slow")
