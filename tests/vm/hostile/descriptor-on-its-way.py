# SPDX-License-Identifier: LGPL-2.1-or-later
"""
Sends a descriptor through a Unix socket and leaves it there: of a file of its own that is as large as /etc/shadow,
has the same mode, and is open nowhere else. Another process of the same user puts a link to /etc/shadow into its
place when the service has been stopped.
"""
import array
import os
import socket
import sys

import hostile

mine = sys.argv[1] + "/on-its-way"
if sys.argv[2:]:
    hostile.say("ready")
    hostile.wait_until_gone(sys.argv[2])
    os.unlink(mine)
    os.symlink("/etc/shadow", mine)
    os.sync()
    hostile.wait_for_ever()

want = os.stat("/etc/shadow")
fd = os.open(mine, os.O_RDWR | os.O_CREAT, 0o600)
os.ftruncate(fd, want.st_size)
os.fchmod(fd, want.st_mode & 0o777)
first = os.fstat(fd)
a, b = socket.socketpair()


def send():
    global fd
    a.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))])
    os.close(fd)


def receive():
    global fd
    if os.path.islink(mine):
        fd = socket.recv_fds(b, 1, 1)[1][0]
        now = os.fstat(fd)
        if (now.st_dev, now.st_ino) != (first.st_dev, first.st_ino):
            os.pwrite(fd, b"owned-by-sent:", 0)


send()
hostile.wait_for_ever(receive)
