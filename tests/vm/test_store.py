# SPDX-License-Identifier: LGPL-2.1-or-later
"""A store in memory crosses a jump intact, or is refused; its memory is released afterwards."""
import json
import pathlib

import pytest

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
    # With the driver's module present and udev running, as in any boot.
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

        # And back, in the same memory, which is unused here.
        put(g)
        assert store(g)["next"]["address"] + 4096 + 64 == at
        assert g.run("systemctl is-active warmboot-store").rc != 0
        g.jump(f"warmboot reboot {g.image.release(OLD)}")
        intact(g)
        g.out("warmboot store wipe")
        g.jump(f"warmboot reboot {g.image.release(OLD)}")
        assert store(g) == {"next": None, "before": None, "region": None, "vm_region": None}
        assert abs(total(g) - memory) < 8000


@pytest.mark.long
def test_dropped_memory_is_free_again(payload):
    with guest.Guest(kernel=OLD, payload=payload, name="store-drop") as g:
        put(g)
        g.out("warmboot store drop; warmboot store drop")
        assert g.out("awk '/HugePages_Total/ {print $2}' /proc/meminfo") == "0"
        assert g.run("systemctl is-active warmboot-store").rc != 0
        # Without systemd, the holder is a process of its own.
        alone = "unshare -m sh -c 'mount -t tmpfs none /run/systemd && warmboot store %s'"
        g.out(alone % "put /root/small")
        assert g.out("pgrep -fc ^@warmboot-store") == "1"
        assert store(g)["next"]["sealed"]
        g.out(alone % "drop")
        assert g.run("pgrep -f ^@warmboot-store").rc == 1
        assert g.out("awk '/HugePages_Total/ {print $2}' /proc/meminfo") == "0"
        # A file on disk survives even the firmware, but belongs to no jump then and is not read.
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
        # By the other method, and without warmboot's parameter on the running kernel's command line.
        g.out("warmboot store wipe")
        put(g, "pmem")
        g.jump(f"warmboot reboot {g.image.release(OLD)}")
        intact(g)
        r = g.run("warmboot store put --backend=carve /root/small && warmboot load --method=file newest")
        assert r.rc == 1 and "might write over the store" in r.out, r.out
        g.out("warmboot store wipe; warmboot store reserve 0")
        assert store(g)["region"] is None


# Two ranges of RAM on the command line: the region that warmboot set aside, and one that stands for persistent
# memory of the machine.
REGION, OTHERS = "memmap=0x6000000!0x30000000", "memmap=0x4000000!0x38000000"
FIND = "modprobe -a nd_e820 nd_pmem; for i in $(seq 100); do blkid -L others && exit; sleep .1; done; exit 1"


def others_are_well(g):
    """The block device of others' memory exists without warmboot's help, with its contents."""
    assert g.out("cat /sys/devices/platform/e820_pmem/driver_override") in ("", "(null)")
    g.out("udevadm settle; mkdir -p /mnt/o; mount $(" + FIND + ") /mnt/o && cmp /mnt/o/big /root/kept && "
          "umount /mnt/o", 60)


def test_ram_that_is_not_zero_and_memory_of_others(payload, tmp_path):
    ram = pathlib.Path(tmp_path) / "ram"
    with open(ram, "wb") as f:
        for _ in range(1024):
            f.write(b"\xa5" * (1 << 20))
    with guest.Guest(kernel=OLD, payload=payload, name="store-garbage", cmdline_extra=f"{REGION} {OTHERS}", qemu_args=(
            "-object", f"memory-backend-file,id=ram0,size=1G,mem-path={ram},share=on",
            "-machine", "memory-backend=ram0")) as g:
        assert g.out("grep -c 'Persistent Memory (legacy)' /proc/iomem") == "2"
        assert g.out("modprobe -a nd_e820 nd_pmem; udevadm settle; for d in /dev/pmem?; do "
                     "[ $(blockdev --getsize64 $d) = 67108864 ] || od -An -tx1 -j 12345 -N 2 $d; done") == " a5 a5"
        # A file system in others' memory, and one in the region, which warmboot does not overwrite.
        g.out("dd if=/dev/urandom of=/root/kept bs=1M count=20 status=none; "
              f"mkdir -p -m 700 /var/lib/warmboot; echo {REGION} >/var/lib/warmboot/store-region; "
              "for d in /dev/pmem?; do s=$(blockdev --getsize64 $d); "
              "if [ $s = 67108864 ]; then mkfs.ext4 -q -L others $d && mkdir -p /mnt/o && mount $d /mnt/o && "
              "cp /root/kept /mnt/o/big && umount /mnt/o; else mkfs.ext4 -q -L mine $d && sync; fi; done", 120)
        r = g.run("warmboot store put --backend=pmem /etc/hostname")
        assert r.rc == 1 and "holds what looks like an ext4 file system" in r.out, r.out
        g.out("e2fsck -fn $(blkid -L mine) && wipefs -qa $(blkid -L mine)", 60)
        put(g, "pmem")
        others_are_well(g)
        g.jump(f"warmboot reboot --append={OTHERS} {g.image.release(NEW)}")
        intact(g)
        others_are_well(g)
        g.out("warmboot store wipe")
        assert store(g)["before"] is None
        others_are_well(g)
        # With no store of warmboot on the machine.
        g.jump(f"warmboot reboot --append={OTHERS} {g.image.release(OLD)}")
        others_are_well(g)
        assert store(g)["before"] is None
