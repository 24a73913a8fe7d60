# SPDX-License-Identifier: LGPL-2.1-or-later
"""Is root in a user namespace (PrivateUsers=): it must not set the machine's clock or host name."""
import hostile


def rename():
    hostile.call("sethostname", b"owned-by-root", 13)


hostile.wait_for_ever(rename)
