#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""bench/scale.py: what it makes of a client's events, and which ratios it holds against what is asked for."""
import pathlib
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench"))

import scale  # noqa: E402


def answer(t, port, text="secret"):
    return {"t": t, "port": port, "what": "answer", "text": text}


def row(name, services, mib, times):
    return {"name": name, "services": services, "mib": mib, "kept": services, "lost": 0, "first_s": times[0],
            "median_s": times[1], "last_s": times[2], "preparation_s": 9.0, "freeze_cpu_s": None, "restore_cpu_s": 0.5}


class Silence(unittest.TestCase):
    """The longest silence of each service."""

    def test_one_that_begins_before_the_jump_counts(self):
        """The last answer before `since` and the first one after it."""
        events = [answer(1.0, 1), answer(1.1, 2), answer(5.0, 2), answer(9.0, 1), answer(9.5, 1), answer(9.1, 2)]
        times, lost = scale.silences(events, 1.05)
        self.assertEqual([round(t, 3) for t in times], [4.1, 8.0])
        self.assertEqual(lost, 0)

    def test_a_pause_before_the_jump_does_not_count(self):
        """A slow start is none of it."""
        times, _ = scale.silences([answer(1, 1), answer(50, 1), answer(51, 1), answer(53, 1)], 50.5)
        self.assertEqual(times, [2])

    def test_another_process_is_a_loss(self):
        """So is a connection that broke after the jump's begin."""
        events = [answer(1, 1), {"t": 0.5, "port": 1, "what": "lost", "text": ""}, answer(3, 1, "other"),
                  {"t": 4, "port": 1, "what": "lost", "text": ""}]
        self.assertEqual(scale.silences(events, 2)[1], 2)


class Stillness(unittest.TestCase):
    """The bench with --icount takes the silence from the timeline."""

    def test_only_the_units_of_the_run_count(self):
        """In order; one that is missing is an error, and no zero."""
        told = {"units": [{"unit": "b", "frozen_s": 3.0}, {"unit": "x", "frozen_s": 9.0}, {"unit": "a", "frozen_s": 2.0},
                          {"unit": "c", "frozen_s": None}]}
        self.assertEqual(scale.stillness(told, ["b", "a"]), [2.0, 3.0])
        for missing in ("c", "d"):
            with self.assertRaises(scale.GuestError):
                scale.stillness(told, ["a", missing])


class Ratios(unittest.TestCase):
    """The limits."""

    def test_many_and_large_are_compared_with_one_small_service(self):
        """The order of the runs does not matter."""
        result = {"rows": [row("1 GiB in one", 1, 1024, (5, 5, 5)), row("1 service", 1, 0, (4, 4, 4)),
                           row("20 services", 20, 0, (4, 6, 14)), row("40 services", 40, 0, (4, 20, 40))]}
        scale.judge(result)
        self.assertEqual([(a["name"], a["ratio"], a["most"]) for a in result["asked"]],
                         [("20 services, median", 1.5, 2.0), ("20 services, last", 3.5, 3.0), ("1 GiB in one", 1.25, 1.2)])
        text = scale.table(result)
        self.assertEqual([line for line in text.splitlines() if line.endswith("MISSED")],
                         ["20 services, last: 3.50 of one alone, at most 3.0 MISSED",
                          "1 GiB in one: 1.25 of one alone, at most 1.2 MISSED"])

    def test_without_one_alone_nothing_is_judged(self):
        """--counts 20."""
        result = {"rows": [row("20 services", 20, 0, (4, 6, 14))]}
        scale.judge(result)
        self.assertEqual([a["ratio"] for a in result["asked"]], [None, None])
        self.assertNotIn("MISSED", scale.table(result))


if __name__ == "__main__":
    unittest.main()
