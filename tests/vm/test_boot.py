# SPDX-License-Identifier: LGPL-2.1-or-later
"""The bench itself: guests boot as asked, and the driver recognises a reset and a kexec."""
import pytest

from guest import Guest, GuestError


# Every other test boots a guest as well.
pytestmark = pytest.mark.long


@pytest.mark.parametrize("kernel,firmware", [("6.12", "bios"), ("7.2", "uefi")])
def test_boots(kernel, firmware):
    with Guest(kernel=kernel, firmware=firmware, name=f"boot-{kernel}-{firmware}") as g:
        assert g.out("uname -r").startswith(kernel + ".")
        assert (g.run("test -d /sys/firmware/efi").rc == 0) == (firmware == "uefi")
        assert g.run("exit 7").rc == 7
        assert g.out("printf 'a\\nb'") == "a\nb"
        assert g.out("systemctl is-system-running --wait") == "running"
        g.write_file("/root/x", bytes(range(256)))
        assert g.read_file("/root/x") == bytes(range(256))
        # The driver tells a reboot through the firmware from a kexec.
        with pytest.raises(GuestError, match="firmware reset"):
            g.jump("systemctl reboot --force --force")
