# SPDX-License-Identifier: LGPL-2.1-or-later
"""Does as covers-etc.py, with CAP_SYS_ADMIN in the mount namespace of its sandbox and no other right of root."""
import hostile

hostile.mount(b"tmpfs", b"/etc")
with open("/etc/ld.so.preload", "w", encoding="ascii") as f:
    f.write("/opt/hostile/preload.so\n")
hostile.wait_for_ever()
