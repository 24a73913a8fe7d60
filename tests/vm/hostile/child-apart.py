# SPDX-License-Identifier: LGPL-2.1-or-later
"""The main process is an ordinary one, and a child of it is in namespaces of its own."""
import os

import hostile

if os.fork() == 0:
    hostile.unshare(hostile.NEWUSER | hostile.NEWNET)
hostile.wait_for_ever()
