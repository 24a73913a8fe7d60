# SPDX-License-Identifier: LGPL-2.1-or-later
"""A virtual machine with its memory in one huge page of 1 GiB over a jump of its host."""
import json

import pytest

from guest import Guest
from test_vm_store import COUNTER, LOG, lines, wait_for_more

pytestmark = pytest.mark.long

UNIT = f"""[Unit]
Description=a guest in one sector
[Service]
ExecStart=/usr/bin/qemu-system-x86_64 -name v2 -machine pc-q35-10.0,accel=tcg,memory-backend=ram0 -m 1G -nodefaults \\
 -object memory-backend-file,id=ram0,size=1G,mem-path=/dev/hugepages1G/v2.ram,share=on -display none \\
 -drive file=/var/lib/v2.img,format=raw,if=none,id=d -device virtio-blk,drive=d \\
 -chardev file,id=s,path={LOG},append=on -serial chardev:s -qmp unix:/run/v2.qmp,server=on,wait=off
"""


def test_guest_in_a_page_of_1_gib_stays_in_place(payload):
    with Guest(kernel="6.12", mem="4G", suite="trixie-host", payload=payload,
               cmdline_extra="hugepagesz=1G hugepages=1") as g:
        g.write_file("/var/lib/v2.img", COUNTER.read_bytes()[:512])
        g.write_file("/etc/systemd/system/v2.service", UNIT.encode())
        g.run("truncate -s 1M /var/lib/v2.img; mkdir /dev/hugepages1G; "
              "mount -t hugetlbfs -o pagesize=1G hugetlbfs /dev/hugepages1G; systemctl daemon-reload; systemctl start v2",
              60, check=True)
        g.until(f"[ -s {LOG} ]", 240)
        tested = json.loads(g.out("warmboot keep test vm:v2 --json 2>/dev/null", 240))[0]
        assert tested["how"] == "vm" and any("lie in 1 piece and stay there" in w for w in tested["warnings"]), tested
        g.run("warmboot keep add vm:v2", 60, check=True)
        wait_for_more(g, 2)
        release = g.image.release("7.2")
        assert g.jump(f"warmboot reboot {release}", 600)["release"] == release
        told = g.kept("v2.service")["v2.service"]
        assert (told["how"], told["why"]) == ("vm", None), told
        assert told["dump_bytes"] < 32 << 20, "its memory was copied"
        wait_for_more(g, 2)
        counts = lines(g)
        assert [c for c, _ in counts] == list(range(1, len(counts) + 1)), "it began anew, or has lost a line"
        assert all(b == 0 for _, b in counts), "its memory is not what it was"
