#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Summaries and tables of the bench from made-up samples (bench/figures.py)."""
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent.parent / "bench"))
sys.dont_write_bytecode = True

import figures  # noqa: E402

LINE = figures.Line("a jump", ("fast", "time"), ("slow", "time"), "the slow way", "s", most=0.5)


def samples(way, *times):
    return [{"round": n, "way": way, "figures": {"time": t}} for n, t in enumerate(times)]


class Figures(unittest.TestCase):
    def test_ratio_is_of_each_round(self):
        s = figures.summary(LINE, samples("fast", 1.0, 4.0, 3.0) + samples("slow", 2.0, 4.0, 10.0))
        self.assertEqual(s["ratio"], {"min": 0.3, "median": 0.5, "max": 1.0})
        self.assertEqual(s["ours"]["median"], 3.0)
        self.assertFalse(figures.missed(s))
        self.assertEqual(figures.markdown([s])[2],
                         "| a jump | 3.00 s | 4.00 s, the slow way | 0.50 (0.30 to 1.00) | at most 0.50 |")

    def test_round_without_one_side_does_not_count(self):
        s = figures.summary(LINE, samples("fast", 3.0, None) + samples("slow", 4.0, 1.0))
        self.assertEqual((s["rounds"], s["ratio"]["max"]), (1, 0.75))
        self.assertTrue(figures.missed(s))
        self.assertIn("MISSED", figures.text([s]))

    def test_nothing_measured(self):
        s = figures.summary(LINE, samples("fast", 1.0))
        self.assertEqual((s["rounds"], s["ours"], s["ratio"]), (0, None, None))
        self.assertFalse(figures.missed(s))

    def test_other_side_is_zero(self):
        s = figures.summary(LINE, samples("fast", 0) + samples("slow", 0))
        self.assertIsNone(s["ratio"])
        self.assertEqual(figures.cells(s)[3], "-")

    def test_limit_of_zero_holds_in_each_round(self):
        line = LINE._replace(most=0.0)
        for ours, missed in (((0, 0, 0), False), ((0, 2, 0), True)):
            s = figures.summary(line, samples("fast", *ours) + samples("slow", 3, 0, 3))
            self.assertEqual(figures.missed(s), missed)

    def test_limits_on_both_sides(self):
        line = LINE._replace(least=0.95, most=1.05)
        for ours, missed in ((0.9, True), (1.0, False), (1.1, True)):
            s = figures.summary(line, samples("fast", ours) + samples("slow", 1.0))
            self.assertEqual(figures.missed(s), missed)

    def test_shape_knows_names_and_limits_only(self):
        one, two = (figures.summary(LINE, samples("fast", *t) + samples("slow", *t)) for t in ((1.0,), (2.0, 0.01)))
        self.assertEqual(figures.shape(figures.markdown([one])), figures.shape(figures.markdown([two])))
        for other in ({"name": "another"}, {"against": "another way"}, {"asked": {"least": None, "most": 0.4}}):
            self.assertNotEqual(figures.shape(figures.markdown([one])), figures.shape(figures.markdown([{**one, **other}])))

    def test_a_line_has_its_figures_or_none(self):
        for measured, empty in zip(*map(figures.shape, figures.examples("bench"))):
            self.assertEqual(measured[1], empty[1])
        one = figures.summary(LINE, samples("fast", 1.0) + samples("slow", 1.0))
        none = figures.summary(LINE, [])
        self.assertNotEqual(figures.shape(figures.markdown([one])), figures.shape(figures.markdown([none])))
        self.assertEqual(figures.markdown([none])[2], "| a jump | - | the slow way | - | at most 0.50 |")


if __name__ == "__main__":
    unittest.main()
