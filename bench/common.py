# SPDX-License-Identifier: LGPL-2.1-or-later
"""Shared by all parts of the bench: the payload of their guests, the samples, one load and one jump."""
import json
import os
import pathlib
import re
import shutil
import struct
import sys
import tempfile

TOP = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TOP / "tests" / "vm"))

from guest import Guest, GuestError, Image, accelerator, stage_install  # noqa: E402

LOAD_KEXEC = "kexec {flag} -l {kernel} --initrd={initrd} --command-line='{cmdline}'"
LOAD_WARM = "warmboot load --kernel {kernel} --initrd {initrd} --cmdline '{cmdline}' "
BEST = LOAD_WARM + "--method=fast --initramfs=warm"
# The first program of the real root says so, and the hook of the shutdown ends just before the other line.
MARKS = {"root": r"WB-TSC root-shell \d+", "off": r"Rebooting with kexec"}
RECORDED = ("for i in $(seq 120); do test -e /run/warmboot/timeline-recorded && break; sleep 1; done; "
            "warmboot timeline --json")
# Phases that lie between that last line and init.
BETWEEN = ("device shutdown", "segment copy", "purgatory", "kernel entry", "decompression", "kernel")


class Bench:
    """One run: its options, and the samples so far. Each part starts its guest with `payload`."""

    def __init__(self, args):
        self.args, self.rounds, self.samples = args, args.rounds, []

    def __enter__(self):
        self._stage = tempfile.TemporaryDirectory(prefix="wb-bench.")
        self.payload = pathlib.Path(self._stage.name)
        self.payload.chmod(0o755)
        stage_install(self.args.build, self.payload)
        target = self.payload / "usr/local/sbin"
        target.mkdir(parents=True, exist_ok=True)
        for name in ("wb-store", "wb-measure", "wb-tsc"):
            shutil.copy(pathlib.Path(self.args.build) / "bench" / name, target)
        shutil.copy(TOP / "bench/guest/wb-bench-init", target)
        return self

    def __exit__(self, *_):
        self._stage.cleanup()

    def add(self, number, way, figures):
        self.samples.append({"round": number, "way": way, "figures": figures})
        print(f"bench: round {number + 1}, {way}: " + ", ".join(
            f"{k} {v:.3f}".rstrip("0").rstrip(".") for k, v in figures.items() if v is not None), flush=True)


def touched(size):
    """QEMU's arguments for memory that the host gives at the start; else whoever uses a page first waits for the host."""
    return ("-object", f"memory-backend-ram,id=ram,size={size},prealloc=on", "-machine", "memory-backend=ram")


def machine():
    """The machine of the measurements."""
    return {"kernel": Image.get().release("7.2"), "accelerator": accelerator(), "host cpus": os.cpu_count()}


def words(g):
    """The words of a command that loads: the guest's newest kernel with the command line that it has now."""
    return {"kernel": f"/boot/vmlinuz-{g.release}", "initrd": f"/boot/initrd.img-{g.release}",
            "cmdline": g.cmdline + " init=/usr/local/sbin/wb-bench-init"}


def unpacked_mib(g):
    """Size of the guest's vmlinux, from the last four bytes of the payload (Documentation/arch/x86/boot.rst)."""
    data = (g.image.dir / f"vmlinuz-{g.release}").read_bytes()
    sectors = data[0x1F1] or 4
    offset, length = struct.unpack_from("<II", data, 0x248)
    end = (sectors + 1) * 512 + offset + length
    return struct.unpack_from("<I", data, end - 4)[0] / 2**20


def rest(g, timeout):
    """Wait until the machine is at rest and the loaders' files are in the page cache."""
    g.run("sync; dmesg -n 7; cat {kernel} {initrd} >/dev/null; systemctl is-system-running --wait; sleep 1; "
          "wb-tsc before >/dev/kmsg".format(**words(g)), timeout, check=True)


def measured(text, icount=False):
    """The figures that wb-measure printed, with millions of instructions if they are counted."""
    m = re.search(r"^MEASURED (\S+) (\S+) (\d+) 0 (\d+)", text, re.M)
    if not m:
        raise GuestError(f"the loader failed: {text}")
    if icount:
        return {"load": int(m.group(4)) / 1e6}
    return {"load": float(m.group(1)), "load cpu": float(m.group(2)), "peak": int(m.group(3)) / 1024}


def load(g, command, timeout, icount=False):
    """Load a kernel; its figures."""
    return measured(g.run("wb-measure " + command.format(**words(g)), timeout).out, icount)


def since_last(times):
    """Of a jump: seconds from the old kernel's last line to those of the new one."""
    return {name: None if times[key] is None or times["last"] is None else times[key] - times["last"]
            for name, key in (("first line", "first"), ("init", "init"), ("root", "root"), ("login", "shell"))}


def mark_cost(g):
    """Seconds that the shutdown hook takes; only this program adds to the gap."""
    return int(g.out("a=$(date +%s%N); for i in 1 2 3 4 5 6 7 8 9 10; do warmboot mark last || exit; done; "
                     "echo $(($(date +%s%N) - a))")) / 10 / 1e9


def from_timeline(g, times):
    """The timeline of the same jump, and the console's time for the same part of it; {} if it is not on record."""
    r = g.run(RECORDED, 180)
    if r.rc:
        return {}
    told = json.loads(r.out)
    inner = [p for p in told["phases"] if p["name"].rpartition(" to ")[2] in BETWEEN]
    # A phase that begins before the line cannot be separated from the one in which it ends.
    sharp = inner and all(p["name"].partition(" to ")[0] in BETWEEN for p in inner)
    known = sharp and times["init"] is not None and times["off"] is not None
    return {"gap": told["gap_s"], "ours": told["user_space"]["ours_s"],
            "user space": next((p["duration_s"] for p in told["phases"] if p["name"] == "user space"), None),
            "timeline": sum(p["duration_s"] for p in inner) if known else None,
            "console": times["init"] - times["off"] if known else None}
