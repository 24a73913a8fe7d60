# SPDX-License-Identifier: LGPL-2.1-or-later
"""Has a directory of root's on a tmpfs open, where everybody may write: files of others must not travel with it."""
import os

import hostile

fd = os.open("/run", os.O_RDONLY)
hostile.wait_for_ever()
