#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Check the pictures and texts of the timeline's unit test: check-timeline.py TEST-PROGRAM."""
import json
import os
import pathlib
import re
import subprocess
import shutil
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from timeline_check import check_metrics, check_picture, check_schema, check_whole  # noqa: E402

# Painted text and bars, in both schemes, whether anything is cut off: what only a browser can tell.
PROBE = """<script>addEventListener('load', () => {
  const box = document.querySelector('svg').getBoundingClientRect();
  const out = [...document.querySelectorAll('svg text, svg rect')].filter(e => {
    const r = e.getBoundingClientRect();
    return r.left < box.left - 1 || r.right > box.right + 1 || r.bottom > box.bottom + 1; });
  const back = getComputedStyle(document.body).backgroundColor;
  const text = getComputedStyle(document.querySelector('svg text')).fill;
  document.title = JSON.stringify({out: out.map(e => e.textContent), back, text,
    wide: document.documentElement.scrollWidth > innerWidth});
});</script>"""


def brightness(colour):
    r, g, b = (int(n) for n in re.findall(r'\d+', colour)[:3])
    return (0.2126 * r + 0.7152 * g + 0.0722 * b) / 255


def in_browser(page, scheme):
    browser = next(filter(None, map(shutil.which, ('chromium-headless-shell', 'chromium'))), None)
    if not browser:
        return False
    with tempfile.TemporaryDirectory() as tmp:
        file = pathlib.Path(tmp) / 'page.html'
        file.write_text(page.replace('</body>', PROBE + '</body>'), encoding='utf-8')
        argv = [browser, '--headless', '--no-sandbox', '--disable-gpu', f'--user-data-dir={tmp}/profile',
                '--window-size=1000,900', '--dump-dom', file.as_uri()]
        if scheme == 'dark':
            argv[1:1] = ['--blink-settings=preferredColorScheme=0']
        dom = subprocess.run(argv, capture_output=True, text=True, timeout=90, check=True).stdout
    title = re.search(r'<title>(\{.*?\})</title>', dom, re.S)
    assert title, 'the page did not load: ' + dom[:400]
    seen = json.loads(title.group(1).replace('&quot;', '"').replace('&amp;', '&').replace('&lt;', '<'))
    assert not seen['out'], f'{scheme}: beyond the picture: {seen["out"]}'
    assert not seen['wide'], f'{scheme}: the page scrolls sideways'
    contrast = abs(brightness(seen['back']) - brightness(seen['text']))
    assert contrast > 0.6, f'{scheme}: text {seen["text"]} on {seen["back"]}'
    assert (brightness(seen['back']) < 0.5) == (scheme == 'dark'), f'{scheme}: {seen["back"]}'
    return True


def main():
    with tempfile.TemporaryDirectory() as tmp:
        subprocess.run([sys.argv[1]], check=True, capture_output=True, env=dict(os.environ, WB_SAMPLES=tmp))
        read = {p.name: p.read_text(encoding='utf-8') for p in pathlib.Path(tmp).iterdir()}
    for name in ('warm.json', 'cold.json'):
        value = json.loads(read[name])
        check_schema(value)
        check_whole(value)
        # A check that cannot fail checks nothing.
        for broken in ({**value, 'kind': 'tepid'}, {**value, 'more': 1}, {**value, 'total_s': -1}):
            try:
                check_schema(broken)
            except AssertionError:
                continue
            raise AssertionError('the schema takes anything')
    warm = json.loads(read['warm.json'])
    assert check_picture(read['warm.svg']) == len(warm['phases']) + sum(u['silent_s'] is not None for u in warm['units'])
    assert check_picture(read['both.svg']) > check_picture(read['warm.svg'])
    metrics = check_metrics(read['metrics.prom'])
    assert {'warmboot_boot_phase_seconds', 'warmboot_unit_silent_seconds', 'warmboot_boot_info'} <= metrics
    assert check_metrics(read['none.prom']) == {'warmboot_history_boots'}
    page = read['both.html']
    assert not re.search(r'(?:href|src)\s*=|url\(|@import|<script', page)
    done = [s for s in ('light', 'dark') if in_browser(page, s)]
    print('in a browser:', ', '.join(done) if done else 'not looked at, no chromium here')


main()
