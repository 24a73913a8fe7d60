# SPDX-License-Identifier: LGPL-2.1-or-later
"""
Has a file of its own open, as large as /etc/shadow and with its mode. Another process of the same user puts a link
to /etc/shadow into its place when the service has been stopped for the jump.
"""
import os
import sys

import hostile

mine = sys.argv[1] + "/mine"
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


def write():
    now = os.fstat(fd)
    if (now.st_dev, now.st_ino) != (first.st_dev, first.st_ino):
        os.pwrite(fd, b"owned-by-link:", 0)


hostile.wait_for_ever(write)
