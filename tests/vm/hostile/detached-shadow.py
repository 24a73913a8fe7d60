# SPDX-License-Identifier: LGPL-2.1-or-later
"""
Has a descriptor that the kernel calls "/etc/shadow": its file lies on a tmpfs that a child has mounted in namespaces
of its own and detached. The program writes to whatever file it has after the jump.
"""
import array
import os
import socket

import hostile

ours, childs = socket.socketpair()
if os.fork() == 0:
    hostile.unshare(hostile.NEWUSER | hostile.NEWNS)
    hostile.private_mounts()
    hostile.mount(b"tmpfs", b"/mnt")
    os.mkdir("/mnt/etc")
    fd = os.open("/mnt/etc/shadow", os.O_RDWR | os.O_CREAT, 0o600)
    # CRIU compares these.
    want = os.stat("/etc/shadow")
    os.ftruncate(fd, want.st_size)
    os.fchmod(fd, want.st_mode & 0o777)
    childs.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))])
    hostile.call("umount2", b"/mnt", hostile.MNT_DETACH)
    os._exit(0)
_, control, _, _ = ours.recvmsg(1, 64)
os.wait()
ours.close()
childs.close()
shadow = array.array("i", control[0][2])[0]
first = os.fstat(shadow)
hostile.say(os.readlink(f"/proc/self/fd/{shadow}"))


def write():
    now = os.fstat(shadow)
    if (now.st_dev, now.st_ino) != (first.st_dev, first.st_ino):
        os.pwrite(shadow, b"owned-by-descriptor:", 0)


hostile.wait_for_ever(write)
