#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The judgement on a service after a jump, and the field's client on a service that goes silent or loses its connection."""
import json
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'bench'))
sys.dont_write_bytecode = True

import fieldtable  # noqa: E402


def state(main, active='active', **secrets):
    return {'MainPID': main, 'ActiveState': active,
            'processes': {pid[1:]: {'name': 'x', 'start': 1, 'secret': s} for pid, s in secrets.items()}}


class Outcome(unittest.TestCase):
    def check(self, want, now, promise='process', was=None):
        was = was or state('7', p7='aa', p8='bb')
        self.assertEqual(fieldtable.outcome(promise, was, now), want)

    def test_words(self):
        self.check('kept', state('7', p7='aa', p8='bb', p9='cc'))
        self.check('kept in part', state('7', p7='aa', p9='cc'))
        self.check('kept in part', state('7', p7='aa', p8='cc'))
        # The same number is not the same process.
        self.check('restarted, promised in vain', state('7', p7='zz', p8='bb'))
        self.check('restarted', state('9', p9='zz'), promise='restart')
        self.check('dead', state('0', 'failed'))
        self.check('did not run', state('9', p9='zz'), was=state('0', 'inactive'))
        # A secret that could not be read proves nothing.
        self.check('restarted, promised in vain', state('7', p7=None), was=state('7', p7=None))

    def test_ended_before_the_freeze(self):
        was = state('7', p7='aa', p8='bb')
        self.check('kept', state('7', p7='aa'), was=fieldtable.at_freeze(was, [7, 9]))
        self.check('kept in part', state('7', p7='aa'), was=fieldtable.at_freeze(was, [7, 8]))
        # Of a unit that was started again before the freeze nothing is left.
        self.check('restarted, promised in vain', state('9', p9='cc'), was=fieldtable.at_freeze(was, [9]))


class Silence(unittest.TestCase):
    plan = {'unit': 'a', 'udp': False, 'hold': True, 'ask': '?', 'answer': '!'}

    def told(self, events, plan=None):
        return fieldtable.told_by_client(plan or self.plan, events, 10.0, 100.0)

    def event(self, t, what, on='held', unit='a', n=1):
        return {'t': t, 'unit': unit, 'on': on, 'what': what, 'n': n}

    def test_kept(self):
        events = [self.event(t, 'answer') for t in (8, 9.5, 41.5, 42.5, 98)] + [self.event(50, 'lost', unit='b')]
        events.sort(key=lambda e: e['t'])
        self.assertEqual(self.told(events), {'silence_s': 54.5, 'connection': True})

    def test_lost_for_reasons_of_its_own(self):
        events = [self.event(9.5, 'answer'), self.event(40, 'answer'), self.event(60, 'lost'),
                  self.event(61, 'answer', n=2)]
        self.assertEqual(self.told(events)['connection'], True)
        silent = {k: v for k, v in self.plan.items() if k != 'ask'}
        self.assertEqual(self.told(events, silent)['connection'], False)

    def test_lost(self):
        events = [self.event(9.5, 'answer'), self.event(20, 'lost'), self.event(21, 'connected', n=2),
                  self.event(22, 'answer', n=2)]
        self.assertEqual(self.told(events), {'silence_s': 11.5, 'connection': False})

    def test_open_but_without_answer(self):
        events = [self.event(9.5, 'answer'), self.event(30, 'answer', on='new')]
        self.assertEqual(self.told(events)['connection'], False)
        silent = {k: v for k, v in self.plan.items() if k != 'ask'}
        self.assertEqual(self.told(events, silent)['connection'], True)

    def test_never_back(self):
        self.assertEqual(self.told([self.event(9.5, 'answer')]), {'silence_s': None, 'connection': False})


class Client(unittest.TestCase):
    """bench/field/client.py talks to a small server on loopback."""

    def test_events(self):
        server, held = socket.create_server(('127.0.0.1', 0)), []

        def serve(s):
            while data := s.recv(100):
                s.sendall(b'+PONG\r\n' * data.count(b'\n'))

        def accept():
            while True:
                held.append(server.accept()[0])
                threading.Thread(target=serve, args=(held[-1],), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        talk = next(t for t in map(json.loads, fieldtable.data_lines('talks')) if t['name'] == 'redis')
        with tempfile.TemporaryDirectory() as d:
            plan, events = pathlib.Path(d, 'plan'), pathlib.Path(d, 'events')
            plan.write_text(json.dumps([{**talk, 'unit': 'r', 'udp': False, 'port': server.getsockname()[1]}]))
            events.touch()
            client = subprocess.Popen([sys.executable, ROOT / 'bench/field/client.py', '127.0.0.1', plan, events])
            try:
                self.until(events, ['connected', 'answer', 'answer'])
                held[0].shutdown(socket.SHUT_RDWR)
                told = self.until(events, ['connected', 'answer', 'answer', 'lost', 'connected', 'answer'])
            finally:
                client.terminate()
                client.wait()
        self.assertEqual([e['n'] for e in told][:6], [1, 1, 1, 1, 2, 2])

    def until(self, path, want):
        end = time.monotonic() + 60
        while time.monotonic() < end:
            told = [json.loads(line) for line in path.read_text().splitlines() if line.endswith('}')]
            # One more answer may have come before the connection was shut down.
            if [w for i, w in enumerate(e['what'] for e in told) if not (w == 'answer' and i > 2 and told[i - 1][
                    'what'] == 'answer')][:len(want)] == want:
                return told
            time.sleep(0.05)
        self.fail(f'no {want}: {path.read_text()}')


class Page(unittest.TestCase):
    def test_page(self):
        row = {'unit': 'a.service', 'promise': 'process', 'outcome': 'kept', 'processes_same': 2, 'processes': 2,
               'silence_s': 12.0, 'connection': True, 'why': None, 'remedies': []}
        other = {**row, 'unit': 'b.service', 'outcome': 'restarted', 'promise': 'restart', 'connection': False,
                 'why': 'a | b', 'remedies': ['set X']}
        jump = {'from': '6.12', 'to': '7.2', 'rows': [row, other]}
        table = fieldtable.markdown(jump)
        self.assertEqual(table[2], '| `a` | process | kept | 2 of 2 | kept | 12.0 s | |')
        self.assertEqual(table[3], '| `b` | restart | restarted | 2 of 2 | lost | 12.0 s | a / b Remedy: set X |')
        self.assertIn('**1 were kept**', fieldtable.sentence(jump))


if __name__ == '__main__':
    unittest.main()
