# SPDX-License-Identifier: LGPL-2.1-or-later
"""Hold what `warmboot timeline` prints against what it promises; no package of its own is needed.

    check_schema(value)     JSON against docs/timeline.schema.json
    check_whole(value)      the phases make up the whole, within 1 %
    check_metrics(text)     Prometheus' text format and naming conventions
    check_picture(text)     well-formed SVG that refers to nothing outside
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import xml.etree.ElementTree

SCHEMA = pathlib.Path(__file__).resolve().parent.parent / 'docs' / 'timeline.schema.json'
TYPES = {'object': dict, 'array': list, 'string': str, 'boolean': bool, 'null': type(None)}


def is_type(value, name):
    if name == 'number':
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    if name == 'integer':
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, TYPES[name])


def walk(value, schema, root, where):
    """Sentences on what is wrong, for the words of JSON Schema that the page uses."""
    known = {'$schema', 'title', 'description', 'type', 'required', 'additionalProperties', 'properties', 'items',
             'enum', 'pattern', 'minLength', 'minimum', 'maxItems', 'anyOf', '$ref', 'definitions'}
    assert set(schema) <= known, f'this checker does not know {set(schema) - known}'
    if '$ref' in schema:
        yield from walk(value, root['definitions'][schema['$ref'].rpartition('/')[2]], root, where)
    if 'anyOf' in schema and all(list(walk(value, s, root, where)) for s in schema['anyOf']):
        yield f'{where}: {value!r} fits none of the alternatives'
    types = schema.get('type')
    if types and not any(is_type(value, t) for t in ([types] if isinstance(types, str) else types)):
        yield f'{where}: {value!r} is no {types}'
        return
    if 'enum' in schema and value not in schema['enum']:
        yield f'{where}: {value!r} is none of {schema["enum"]}'
    if isinstance(value, str):
        if 'pattern' in schema and not re.search(schema['pattern'], value):
            yield f'{where}: {value!r} does not match {schema["pattern"]}'
        if len(value) < schema.get('minLength', 0):
            yield f'{where} is too short'
    if is_type(value, 'number') and value < schema.get('minimum', value):
        yield f'{where}: {value} is less than {schema["minimum"]}'
    if isinstance(value, list):
        if len(value) > schema.get('maxItems', len(value)):
            yield f'{where} is too long'
        for i, item in enumerate(value):
            yield from walk(item, schema.get('items', {}), root, f'{where}[{i}]')
    if isinstance(value, dict):
        for key in schema.get('required', ()):
            if key not in value:
                yield f'{where} lacks {key}'
        for key, item in value.items():
            if key in schema.get('properties', {}):
                yield from walk(item, schema['properties'][key], root, f'{where}.{key}')
            elif schema.get('additionalProperties') is False:
                yield f'{where} has {key}, which the schema does not know'


def check_schema(value):
    schema = json.loads(SCHEMA.read_text(encoding='utf-8'))
    wrong = list(walk(value, schema, schema, 'timeline'))
    try:
        import jsonschema
    except ImportError:
        pass
    else:
        wrong += [str(e.message) for e in jsonschema.Draft7Validator(schema).iter_errors(value)]
    assert not wrong, '\n'.join(wrong)


def check_whole(value):
    end = 0
    for p in value['phases']:
        assert abs(p['start_s'] - end) < 1e-4, f'{p["name"]} does not begin where the phase before ends'
        end = p['start_s'] + p['duration_s']
    total = sum(p['duration_s'] for p in value['phases'])
    assert abs(total - value['total_s']) <= 0.01 * value['total_s'], (total, value['total_s'])


def check_metrics(text):
    """Strict in what it takes: HELP, TYPE, samples of that family, once each. promtool looks too, if it is there."""
    family, seen, series = None, set(), set()
    lines = text.split('\n')
    assert lines[-1] == '', 'the last line has no newline'
    for line in lines[:-1]:
        if line.startswith('# HELP '):
            family = line.split()[2]
            assert family not in seen, f'{family} comes twice'
            assert len(line.split()) > 3, f'{family} is not explained'
            seen.add(family)
            typed = False
        elif line.startswith('# TYPE '):
            assert line.split()[2] == family and line.split()[3] == 'gauge', line
            typed = True
        else:
            m = re.fullmatch(r'([a-z_]+)(\{(?:[a-z_]+="(?:[^"\\\n]|\\[\\"n])*",?)*\})? (-?[0-9.]+(?:e[+-]?[0-9]+)?)', line)
            assert m, f'no sample: {line}'
            assert m.group(1) == family and typed, f'{m.group(1)} stands under {family}'
            assert (m.group(1), m.group(2)) not in series, f'{line} comes twice'
            series.add((m.group(1), m.group(2)))
    for name in seen:
        assert name.startswith('warmboot_') and not name.endswith(('_total', '_count', '_sum', '_bucket')), name
    cached = os.environ.get('WARMBOOT_CACHE') or pathlib.Path(
        os.environ.get('XDG_CACHE_HOME') or pathlib.Path.home() / '.cache', 'warmboot')
    promtool = shutil.which('promtool') or shutil.which('promtool', path=pathlib.Path(cached, 'bin'))
    if promtool:
        r = subprocess.run([promtool, 'check', 'metrics'], input=text, text=True, capture_output=True, check=False)
        assert r.returncode == 0 and not r.stderr.strip(), r.stdout + r.stderr
    return seen


def check_picture(text):
    tree = xml.etree.ElementTree.fromstring(text)
    assert tree.tag == '{http://www.w3.org/2000/svg}svg'
    assert not re.search(r'(?:href|src)\s*=|url\(|@import|<script', text), 'it refers to something outside'
    assert 'prefers-color-scheme:dark' in text
    width = float(tree.get('viewBox').split()[2])
    bars = [r for r in tree.iter('{http://www.w3.org/2000/svg}rect') if r.get('class') != 'bg']
    for r in bars:
        assert 0 <= float(r.get('x')) and float(r.get('x')) + float(r.get('width')) <= width
    return len(bars)
