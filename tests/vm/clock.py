# SPDX-License-Identifier: LGPL-2.1-or-later
"""A guest's clock in terms of the host's: exchanges over the guest's shell, of which the quickest counts."""
import time

READ = "read -r up _ </proc/uptime && echo $up"
STEP = 0.01  # the resolution of /proc/uptime
GOOD = 0.03  # an error in seconds that needs no more exchanges


class Tie:
    """Host time and guest time of one instant, with the possible error."""

    def __init__(self, host, guest, error):
        self.host, self.guest, self.error = host, guest, error

    def __repr__(self):
        return f"host {self.host:.3f} = guest {self.guest:.3f} +- {self.error:.3f} s"

    @classmethod
    def take(cls, g, exchanges=8, most=40):
        """One exchange: the guest read its clock at some time between question and answer. A busy machine needs more."""
        best = None
        for n in range(most):
            if n >= exchanges and best.error <= GOOD:
                break
            before = time.monotonic()
            guest = float(g.out(READ))
            after = time.monotonic()
            tie = cls((before + after) / 2, guest + STEP / 2, (after - before + STEP) / 2)
            if not best or tie.error < best.error:
                best = tie
        return best


class Clock:
    """One kernel's clock between two ties: its rate, and host times of its readings."""

    def __init__(self, first, last):
        self.first, self.last = first, last
        span = last.host - first.host
        self.rate = (last.guest - first.guest) / span
        self.rate_error = (first.error + last.error) / span
        # A rate within the error counts as 1; beyond it, the kernel has measured its clock wrongly.
        if abs(self.rate - 1) <= self.rate_error:
            self.rate = 1.0

    def __repr__(self):
        return f"{self.first}, then {self.last}: rate {self.rate:.4f} +- {self.rate_error:.4f}"

    def host(self, guest):
        """Host time of a reading, from the tie with the smaller error."""
        tie = min(self.first, self.last, key=lambda t: t.error)
        return tie.host + (guest - tie.guest) / self.rate

    def error(self):
        return min(self.first.error, self.last.error)
