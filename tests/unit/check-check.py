#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Hold the JSON of `warmboot check`, as its unit test makes it, against docs/check.schema.json: check-check.py TEST-PROGRAM."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

SCHEMA = pathlib.Path(__file__).resolve().parents[2] / 'docs/check.schema.json'


def main():
    try:
        import jsonschema
    except ImportError:
        print('skipped: no jsonschema')
        return 77
    validator = jsonschema.Draft7Validator(json.loads(SCHEMA.read_text()))
    with tempfile.TemporaryDirectory() as tmp:
        subprocess.run([sys.argv[1]], check=True, capture_output=True, env=dict(os.environ, WB_SAMPLES=tmp))
        samples = [json.loads(p.read_text()) for p in pathlib.Path(tmp).glob('*.json')]
    bad = [f"{s['findings']}: {e.message}" for s in samples for e in validator.iter_errors(s)]
    # The schema itself refuses something.
    if not samples or not list(validator.iter_errors({**samples[0], 'verdict': 'good'})):
        bad.append('no sample, or a schema that takes anything')
    print('\n'.join(bad), end='\n' if bad else '')
    return bool(bad)


sys.exit(main())
