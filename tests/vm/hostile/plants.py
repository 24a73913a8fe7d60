# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes a file at a path of another user's service before that is restored, to read what is written to it."""
import os
import sys
import time

fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
os.write(fd, b"theirs\n")
while True:
    if os.pread(fd, 100, 0) != b"theirs\n":
        print("got", os.pread(fd, 100, 0), flush=True)
    time.sleep(0.01)
