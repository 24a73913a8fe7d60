# SPDX-License-Identifier: LGPL-2.1-or-later
"""A store in memory crosses a jump whole, or is refused; what it took is given back."""
import json

import guest

OLD, NEW = "6.12", "7.2"

FLIP = b'''
import mmap, sys
at = int(sys.argv[1])
page = at & ~4095
with open("/dev/mem", "r+b") as f:
    m = mmap.mmap(f.fileno(), 4096, offset=page)
    m[at - page] ^= 1
'''


def store(g):
    return json.loads(g.out("warmboot store --json"))


def total(g):
    return int(g.out("awk '/MemTotal/ {print $2}' /proc/meminfo"))


def put(g, backend="carve"):
    g.out("dd if=/dev/urandom of=/root/big bs=1M count=64 status=none; date >/root/small; sync", 120)
    g.out(f"warmboot store put --backend={backend} /root/big /root/small", 120)
    info = store(g)["next"]
    assert info["backend"] == backend and info["sealed"]
    assert [o["name"] for o in info["objects"]] == ["/root/big", "/root/small"]


def intact(g):
    # With the driver's module there, and udev at work, as it is in any boot.
    g.out("udevadm trigger; for n in big small; do warmboot store get /root/$n | cmp - /root/$n || exit 1; done; "
          "warmboot store check", 120)


def test_memory_crosses_both_ways(payload):
    with guest.Guest(kernel=OLD, payload=payload, name="store-carve") as g:
        memory = total(g)
        r = g.run("dd if=/dev/zero of=/dev/shm/much bs=1M count=300 status=none; "
                  "warmboot store put /dev/shm/much /dev/shm/much2")
        assert r.rc == 1 and "much2: No such file" in r.out
        nothing = "cat /proc/sys/vm/nr_hugepages; ! test -e /run/warmboot/store.json"
        before = g.out(nothing)
        r = g.run("ln /dev/shm/much /dev/shm/much2; ln /dev/shm/much /dev/shm/much3; "
                  "warmboot store put /dev/shm/much*")
        assert r.rc == 1 and "too little memory for a store of 9" in r.out, r.out
        assert g.out(nothing) == before
        assert g.run("systemctl is-active warmboot-store").rc != 0
        g.out("rm /dev/shm/much*")

        put(g)
        g.jump(f"warmboot reboot {g.image.release(NEW)}")
        assert g.out("uname -r") == g.image.release(NEW)
        intact(g)
        assert total(g) < memory - 60000, "this kernel must not use the store's memory"

        # One bit of the large file, wherever its extent lies.
        g.write_file("/root/flip.py", FLIP)
        at = store(g)["before"]["address"] + 4096 + 64
        g.out(f"python3 /root/flip.py {at}")
        r = g.run("warmboot store get /root/big >/dev/null")
        assert r.rc == 1 and '"/root/big" in the store is damaged: extent 1 of ' in r.out, r.out
        assert hex(at & ~4095) in r.out
        assert g.run("warmboot store get /root/small | cmp - /root/small").rc == 0
        g.out(f"python3 /root/flip.py {at}")
        intact(g)
        g.out("warmboot store wipe")
        r = g.run("warmboot store get /root/small")
        assert r.rc == 1 and "is empty" in r.out

        # And back, in the same memory, because it lies idle here.
        put(g)
        assert store(g)["next"]["address"] + 4096 + 64 == at
        assert g.run("systemctl is-active warmboot-store").rc != 0
        g.jump(f"warmboot reboot {g.image.release(OLD)}")
        intact(g)
        g.out("warmboot store wipe")
        g.jump(f"warmboot reboot {g.image.release(OLD)}")
        assert store(g) == {"next": None, "before": None, "region": None}
        assert abs(total(g) - memory) < 8000


def test_dropped_memory_is_free_again(payload):
    with guest.Guest(kernel=OLD, payload=payload, name="store-drop") as g:
        put(g)
        g.out("warmboot store drop; warmboot store drop")
        assert g.out("awk '/HugePages_Total/ {print $2}' /proc/meminfo") == "0"
        assert g.run("systemctl is-active warmboot-store").rc != 0
        # Where there is no systemd, the holder is a process by itself.
        alone = "unshare -m sh -c 'mount -t tmpfs none /run/systemd && warmboot store %s'"
        g.out(alone % "put /root/small")
        assert g.out("pgrep -fc ^@warmboot-store") == "1"
        assert store(g)["next"]["sealed"]
        g.out(alone % "drop")
        assert g.run("pgrep -f ^@warmboot-store").rc == 1
        assert g.out("awk '/HugePages_Total/ {print $2}' /proc/meminfo") == "0"
        # A file on disk outlives even the firmware; then it is of no jump, and stays unread.
        put(g, "disk")
        g.jump("systemctl reboot", expect_kexec=False)
        r = g.run("warmboot store get /root/small")
        assert r.rc == 1 and "another jump" in r.out, r.out


def test_region_crosses_by_file(payload):
    with guest.Guest(kernel=OLD, payload=payload, name="store-pmem") as g:
        g.out("warmboot store reserve 96M")
        r = g.run("warmboot store put --backend=pmem /etc/hostname")
        assert r.rc == 1 and "after the next jump only" in r.out, r.out
        g.jump(f"warmboot reboot --method=file {g.image.release(OLD)}")
        assert store(g)["region"]["in_force"]
        put(g, "pmem")
        g.jump(f"warmboot reboot --method=file {g.image.release(NEW)}")
        intact(g)
        # By the other method, and without a word of ours on the running kernel's command line.
        g.out("warmboot store wipe")
        put(g, "pmem")
        g.jump(f"warmboot reboot {g.image.release(OLD)}")
        intact(g)
        r = g.run("warmboot store put --backend=carve /root/small && warmboot load --method=file newest")
        assert r.rc == 1 and "might write over the store" in r.out, r.out
        g.out("warmboot store wipe; warmboot store reserve 0")
        assert store(g)["region"] is None
