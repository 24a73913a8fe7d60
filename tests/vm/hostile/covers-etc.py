# SPDX-License-Identifier: LGPL-2.1-or-later
"""Mounts, in user and mount namespaces of its own, an /etc whose ld.so.preload names its own library."""
import hostile

hostile.unshare(hostile.NEWUSER | hostile.NEWNS)
hostile.private_mounts()
hostile.mount(b"tmpfs", b"/etc")
with open("/etc/ld.so.preload", "w", encoding="ascii") as f:
    f.write("/opt/hostile/preload.so\n")
hostile.wait_for_ever()
