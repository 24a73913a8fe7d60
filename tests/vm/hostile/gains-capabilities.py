# SPDX-License-Identifier: LGPL-2.1-or-later
"""Has every capability in a user namespace of its own, and none on the machine."""
import os

import hostile

hostile.unshare(hostile.NEWUSER)


def write():
    with open("/etc/shadow", "r+b") as f:
        f.write(b"owned-by-capability:")


assert not os.access("/etc/shadow", os.W_OK)
hostile.wait_for_ever(write)
