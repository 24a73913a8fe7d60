# SPDX-License-Identifier: LGPL-2.1-or-later
"""Machines that have booted once and are kept, so that each test starts from there in seconds.

A saved machine is a directory beside the images: its memory (a file that the next QEMU maps privately), its
disk (what the boot wrote), and the state of its devices. Its name is a digest of all that made it. A Guest
with `making` set makes one, and a Guest with `saved` set starts from it (tests/vm/guest.py).
"""
import contextlib
import fcntl
import hashlib
import json
import pathlib
import shutil
import time

# The disk of the payload, which a test replaces by its own: of one size, since the machine knows it already.
PAYLOAD_BYTES = 512 << 20
# Memory is full of this before the first kernel starts: a machine that has run before is not full of zeros.
PATTERN = b"\xa5" * (1 << 20)
# A saved machine that no test has started for so long is removed.
UNUSED_DAYS = 14
# A saved machine needs at most this much besides its memory.
DISK_BYTES = 1 << 30


def size_of(mem):
    """Bytes of QEMU's -m."""
    return int(mem[:-1]) << {"M": 20, "G": 30}[mem[-1]]


def key(guest, made_by):
    """The name of the machine that `guest` wants; `made_by`: QEMU's version and arguments without paths of this run."""
    made_of = [guest.image.dir.name, guest.release, guest.firmware, guest.mem, guest.cmdline, guest.prepare,
               guest.before_saved, type(guest.net).__name__, made_by,
               pathlib.Path(__file__).read_text(encoding="utf-8")]
    return hashlib.sha256(json.dumps(made_of).encode()).hexdigest()[:16]


class Saved:
    """One saved machine. boot_id and release are the shell's that it waits in."""

    def __init__(self, path):
        self.dir = path
        info = json.loads((path / "info.json").read_text())
        self.boot_id, self.release = info["boot_id"], info["release"]

    @property
    def incoming(self):
        return f"exec:cat {self.dir}/devices"


def get(cache, guest, made_by, make):
    """The saved machine for `guest`, made first where it is missing: make(directory) boots and saves it."""
    base = cache / "machines"
    base.mkdir(parents=True, exist_ok=True)
    path = base / key(guest, made_by)
    with open(base / "lock", "a", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (path / "info.json").exists():
            prune(base)
            need = size_of(guest.mem) + DISK_BYTES
            if shutil.disk_usage(base).free < 2 * need:
                return None
            new = base / (path.name + ".new")
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir()
            try:
                info = make(new)
                (new / "info.json").write_text(json.dumps(info))
                shutil.rmtree(path, ignore_errors=True)
                new.rename(path)
            except BaseException:
                shutil.rmtree(new, ignore_errors=True)
                raise
        (path / "info.json").touch()
        return Saved(path)


def prune(base):
    """Remove what no test has started for long, and what was left half done."""
    for path in base.iterdir():
        with contextlib.suppress(OSError):
            info = path / "info.json"
            old = info.exists() and time.time() - info.stat().st_mtime > UNUSED_DAYS * 86400
            if path.is_dir() and (old or not info.exists()):
                shutil.rmtree(path, ignore_errors=True)


def fill(path, mem):
    """A memory file full of the pattern."""
    with open(path, "wb") as f:
        for _ in range(size_of(mem) // len(PATTERN)):
            f.write(PATTERN)
