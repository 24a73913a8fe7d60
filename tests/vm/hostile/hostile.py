# SPDX-License-Identifier: LGPL-2.1-or-later
"""Functions that the hostile services share. Each service is a program, run without privileges."""
import ctypes
import os
import time

LIBC = ctypes.CDLL(None, use_errno=True)
NEWNS, NEWUSER, NEWNET = 0x00020000, 0x10000000, 0x40000000
MS_REC, MS_PRIVATE, MNT_DETACH = 1 << 14, 1 << 18, 2


def call(name, *args):
    if getattr(LIBC, name)(*args) < 0:
        raise OSError(ctypes.get_errno(), name)


def unshare(flags):
    """Enter new namespaces, keeping the user and with every capability."""
    uid, gid = os.getuid(), os.getgid()
    call("unshare", flags)
    if flags & NEWUSER:
        for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
            with open(f"/proc/self/{name}", "w", encoding="ascii") as f:
                f.write(text)


def mount(kind, where, flags=0):
    call("mount", kind, where, kind, flags, None)


def private_mounts():
    call("mount", b"none", b"/", None, MS_REC | MS_PRIVATE, None)


def wait_until_gone(pid):
    """Wait until the freeze has ended the process, whose descriptors are gone then."""
    while True:
        try:
            os.listdir(f"/proc/{pid}/fd")
        except OSError:
            return
        time.sleep(0.001)


def say(text):
    print(text, flush=True)


def wait_for_ever(act=lambda: None):
    """Call `act` again and again: it fails before the jump, and must not succeed after it."""
    say("ready")
    while True:
        try:
            act()
        except OSError:
            pass
        time.sleep(0.2)
