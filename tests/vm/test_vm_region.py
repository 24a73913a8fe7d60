# SPDX-License-Identifier: LGPL-2.1-or-later
"""A virtual machine with its memory in a region that all kernels leave alone (warmboot store reserve SIZE --for=vm)."""
import json
import os
import pathlib

import pytest

from counting import counted
from guest import TOP, Guest

pytestmark = pytest.mark.long

COUNTER = pathlib.Path(os.environ.get("WARMBOOT_BUILD") or TOP / "build") / "tests/unit/counter.img"
MIB = 1 << 20
LOG = "/var/lib/v1.log"
RAM = "/dev/vm-memory/v1.ram"


def unit(name, size):
    return f"""[Unit]
Description=a guest in one sector
[Service]
Nice=19
ExecStart=/usr/bin/qemu-system-x86_64 -name {name} -machine pc-q35-10.0,accel=tcg,memory-backend=ram0 -m {size} \\
 -nodefaults -display none \\
 -object memory-backend-file,id=ram0,size={size},mem-path=/dev/vm-memory/{name}.ram,share=on,prealloc=on \\
 -drive file=/var/lib/{name}.img,format=raw,if=none,id=d -device virtio-blk,drive=d \\
 -chardev file,id=s,path=/var/lib/{name}.log,append=on -serial chardev:s \\
 -qmp unix:/run/{name}.qmp,server=on,wait=off
[Install]
WantedBy=multi-user.target
"""


# Is the file itself the memory? STATX_ATTR_DAX is 0x200000 of stx_attributes.
STATX = b"""import ctypes, sys
libc = ctypes.CDLL(None, use_errno=True)
buf = ctypes.create_string_buffer(256)
if libc.statx(-100, sys.argv[1].encode(), 0, 0x7ff, buf) != 0:
    sys.exit("no statx")
print("dax" if int.from_bytes(buf.raw[8:16], "little") & 0x200000 else "copy")
"""


def lines(g):
    return counted(g.out(f"cat {LOG}", 60))


def wait_for_more(g, n):
    have = len(lines(g))
    g.until(f"[ $(grep -c ^C {LOG}) -ge {have + n} ]", 180)


def define(g, name, size):
    g.write_file(f"/var/lib/{name}.img", COUNTER.read_bytes()[:512])
    g.write_file(f"/etc/systemd/system/{name}.service", unit(name, size).encode())
    g.run(f"truncate -s 1M /var/lib/{name}.img; systemctl daemon-reload", 60, check=True)


def region(g):
    return json.loads(g.out("warmboot store status --json", 60))["vm_region"]


@pytest.fixture(scope="module")
def host(payload):
    """A host with a region in force, and a guest in it that counts."""
    with Guest(kernel="6.12", mem="2G", suite="trixie-host", payload=payload) as g:
        g.write_file("/root/statx.py", STATX)
        for size, why in (("160X", "is no size"), ("-1", "is no size"), ("16M", "less than a guest needs"),
                          ("100G", "cannot be set aside: the machine has")):
            refused = g.run(f"warmboot store reserve --for=vm -- {size}", 60)
            assert refused.rc in (1, 2) and why in refused.out and region(g) is None, (size, refused)
        said = g.out("warmboot store reserve 160M --for=vm", 60)
        assert "memmap=0xa000000!" in said and "boot loader" in said, said
        assert not region(g)["in_force"]
        release = g.image.release("7.2")
        assert g.jump(f"warmboot reboot {release}", 600)["release"] == release
        now = region(g)
        said = g.out("journalctl -b -u warmboot-vm-memory -o cat --no-pager", 60)
        assert now["in_force"] and now["size"] == 160 * MIB and now["memory"]["dax"], (now, said)
        define(g, "v1", "64M")
        g.run("systemctl enable --now v1", 120, check=True)
        g.until(f"[ -s {LOG} ]", 240)
        g.run("warmboot keep add vm:v1", 60, check=True)
        yield g


def jump(g, prefix, method):
    before = region(g)
    release = g.image.release(prefix)
    # Its state needs a place that this system call leaves alone, too.
    store = " --store=disk" if method == "file" else ""
    assert g.jump(f"warmboot reboot {release} --method={method}{store}", 600)["release"] == release
    kept = g.kept("v1.service")["v1.service"]
    assert (kept["how"], kept["name"], kept["why"]) == ("vm", "vm:v1", None), kept
    wait_for_more(g, 2)
    counts = lines(g)
    assert [c for c, _ in counts] == list(range(1, len(counts) + 1)), "it began anew, or has lost a line"
    assert all(b == 0 for _, b in counts), "its memory is not what it was"
    now = region(g)
    assert (now["start"], now["size"], now["in_force"]) == (before["start"], before["size"], True), now
    assert now["memory"]["dax"], now
    assert g.out(f"python3 /root/statx.py {RAM}") == "dax"
    pid = g.out("systemctl show -P MainPID v1")
    assert RAM in g.out(f"cat /proc/{pid}/maps")
    # Nothing of the guest was read into the page cache.
    assert int(g.out(f"sed -n 's/^read_bytes: //p' /proc/{pid}/io")) < 48 * MIB


def test_keep_test_says_where_its_memory_lies(host):
    g = host
    assert g.out(f"python3 /root/statx.py {RAM}") == "dax"
    tested = json.loads(g.out("warmboot keep test vm:v1 --json 2>/dev/null", 240))[0]
    assert tested["how"] == "vm", tested
    assert any(f"lie in the region for guests ({RAM}) and stay there" in w for w in tested["warnings"]), tested
    assert tested["image_bytes"] < 32 * MIB, tested
    wait_for_more(g, 2)


def test_full_region_refuses_another_guest(host):
    """QEMU says so at its start, and the guest that is there goes on."""
    g = host
    define(g, "v2", "128M")
    g.run("systemctl start v2", 60)
    g.until("systemctl is-failed v2", 60)
    g.run("systemctl disable v2; systemctl reset-failed v2; rm -f /dev/vm-memory/v2.ram", 60, check=True)
    wait_for_more(g, 2)


@pytest.mark.parametrize("prefix, method", [("6.12", "fast"), ("7.2", "segments"), ("6.12", "file")])
def test_guest_goes_on_after_a_jump_with_any_method(host, prefix, method):
    jump(host, prefix, method)
    g = host
    status = g.out("warmboot store status")
    assert "guests' region:" in status and "/dev/vm-memory" in status, status


def test_guest_has_ordinary_memory_after_a_boot_through_the_firmware(host):
    """The boot loader knows nothing of the region: the guest begins anew, and it is told."""
    g = host
    began = len(lines(g))
    g.jump("systemctl reboot", 600, expect_kexec=False)
    g.until("systemctl is-active v1", 120)
    g.until(f"[ $(grep -c ^C {LOG}) -gt {began} ]", 240)
    now = region(g)
    assert not now["in_force"] and not now["memory"]["dax"], now
    assert "ordinary memory in this boot" in g.out("warmboot store status")
    assert g.out(f"python3 /root/statx.py {RAM}") == "copy"
    tested = json.loads(g.out("warmboot keep test vm:v1 --json 2>/dev/null", 240))[0]
    assert tested["how"] == "vm" and any("go through the store" in w for w in tested["warnings"]), tested
    assert counted(g.out(f"cat {LOG}"))[-1][0] < began, "it went on with something"
    g.run("warmboot store reserve 0 --for=vm", 60, check=True)
    assert region(g) is None
