# SPDX-License-Identifier: LGPL-2.1-or-later
"""The lines that the guest of tests/vm/counter prints."""
import re


def counted(text):
    """Of each whole line the count, and the mismatches that the guest has found in its memory until then."""
    found = re.findall(r"^C([0-9A-F]{8}) B([0-9A-F]{8}) $", text.replace("\r", ""), re.M)
    return [(int(count, 16), int(bad, 16)) for count, bad in found]
