"""Prints line coverage by file, by room and in total from `llvm-cov export -summary-only`; exit code 1 below the bar.

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


def row(name, counts):
    """The text of a line, from the (lines, covered lines) of some files; and the percentage."""
    lines = sum(each[0] for each in counts)
    covered = sum(each[1] for each in counts)
    return f'{percent(covered, lines):6.1f} %  {covered:5d} of {lines:5d}  {name}', percent(covered, lines)


def main(root, export_path, least):
    with open(export_path, encoding='utf-8') as file:
        files = own_files(root, json.load(file))
    for path, counts in sorted(files.items(), key=lambda item: percent(item[1][1], item[1][0])):
        print(row(path, [counts])[0])
    print()
    for room in ROOMS:
        print(row(room, [counts for path, counts in files.items() if path.startswith(room + os.sep)])[0])
    text, total = row(f'in total (at least {least} %)', files.values())
    print(text)
    return 0 if files and total >= float(least) else 1


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
