"""Prints line coverage by file and in total from `llvm-cov export -summary-only`; exit code 1 below the bar.

Counted are the rooms' own sources: no tests, nothing generated, nothing of the system.
"""

import json
import os
import sys

ROOMS = ('analysis', 'coordinator', 'daemon', 'events', 'loadgen')


def own_files(root, export):
    """{path from the root: (lines, covered lines)} of the rooms' sources."""
    files = {}
    for entry in export['data'][0]['files']:
        path = os.path.relpath(os.path.realpath(entry['filename']), os.path.realpath(root))
        if path.split(os.sep)[0] in ROOMS:
            lines = entry['summary']['lines']
            files[path] = (lines['count'], lines['covered'])
    return files


def percent(covered, lines):
    return 100.0 * covered / lines if lines else 0.0


def main(root, export_path, least):
    with open(export_path, encoding='utf-8') as file:
        files = own_files(root, json.load(file))
    for path, (lines, covered) in sorted(files.items(), key=lambda item: percent(item[1][1], item[1][0])):
        print(f'{percent(covered, lines):6.1f} %  {covered:5d} of {lines:5d}  {path}')
    lines = sum(each[0] for each in files.values())
    covered = sum(each[1] for each in files.values())
    total = percent(covered, lines)
    print(f'{total:6.1f} %  {covered:5d} of {lines:5d}  in total (at least {least} %)')
    return 0 if lines and total >= float(least) else 1


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
