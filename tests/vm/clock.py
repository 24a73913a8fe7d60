# SPDX-License-Identifier: LGPL-2.1-or-later
"""A guest's clock on the host's: exchanges over the guest's shell, of which the quickest counts."""
import time

READ = "read -r up _ </proc/uptime && echo $up"
STEP = 0.01  # what /proc/uptime cuts off


class Tie:
    """At one instant: host time, guest time, and how far the one may be from the other."""

    def __init__(self, host, guest, error):
        self.host, self.guest, self.error = host, guest, error

    def __repr__(self):
        return f"host {self.host:.3f} = guest {self.guest:.3f} +- {self.error:.3f} s"

    @classmethod
    def take(cls, g, exchanges=8):
        """The guest read its clock somewhere between the asking and the answer."""
        best = None
        for _ in range(exchanges):
            before = time.monotonic()
            guest = float(g.out(READ))
            after = time.monotonic()
            tie = cls((before + after) / 2, guest + STEP / 2, (after - before + STEP) / 2)
            if not best or tie.error < best.error:
                best = tie
        return best


class Clock:
    """One kernel's clock between two ties: how fast it runs, and what its readings are on the host's."""

    def __init__(self, first, last):
        self.first, self.last = first, last
        span = last.host - first.host
        self.rate = (last.guest - first.guest) / span
        self.rate_error = (first.error + last.error) / span
        # Within its error it is no news; beyond it, the kernel measured its machine wrongly.
        if abs(self.rate - 1) <= self.rate_error:
            self.rate = 1.0

    def __repr__(self):
        return f"{self.first}, then {self.last}: rate {self.rate:.4f} +- {self.rate_error:.4f}"

    def host(self, guest):
        """Host time of a reading, from the tie that is known better."""
        tie = min(self.first, self.last, key=lambda t: t.error)
        return tie.host + (guest - tie.guest) / self.rate

    def error(self):
        return min(self.first.error, self.last.error)
