#!/usr/bin/env python3
"""Counts the results of `meson test`, case by case, and closes with `N passed, N failed[, N skipped]`.

Meson's own summary counts programs, and its JUnit file calls a program that timed out or crashed after its last case
a success. So both logs are read: testlog.json for what became of each program, testlog.junit.xml for the cases
within. Exit code: 0 when something ran and nothing failed, 1 otherwise.
"""

import argparse
import json
import os
import sys
import xml.etree.ElementTree as ElementTree

GOOD = {'OK', 'EXPECTEDFAIL'}


class Counts:
    def __init__(self):
        self.passed = 0
        self.skipped = 0
        self.failures = []

    def line(self):
        text = f'{self.passed} passed, {len(self.failures)} failed'
        return text + (f', {self.skipped} skipped' if self.skipped else '')


def read_cases(path):
    """The cases of each program with more than an exit code: {suite name: [(case, 'passed'|'failed'|'skipped')]}."""
    cases = {}
    if not os.path.exists(path):
        return cases
    for suite in ElementTree.parse(path).getroot().iter('testsuite'):
        found = cases.setdefault(suite.get('name', ''), [])
        for case in suite.iter('testcase'):
            name = f"{case.get('classname', '')}.{case.get('name', '')}"
            if case.find('failure') is not None or case.find('error') is not None:
                found.append((name, 'failed'))
            elif case.find('skipped') is not None or case.get('status') == 'notrun':
                found.append((name, 'skipped'))
            else:
                found.append((name, 'passed'))
    return cases


def count(log_dir):
    counts = Counts()
    cases = read_cases(os.path.join(log_dir, 'testlog.junit.xml'))
    json_path = os.path.join(log_dir, 'testlog.json')
    if not os.path.exists(json_path):
        return counts
    with open(json_path, encoding='utf-8') as lines:
        for program in map(json.loads, lines):
            count_program(program['name'], program['result'], cases, counts)
    return counts


def count_program(name, result, cases, counts):
    # Meson names the suites of a program PROJECT.PROGRAM.SUITE.
    inside = [case for suite, found in cases.items() if suite.partition('.')[2].startswith(name + '.') for case in found]
    failed = [case for case, outcome in inside if outcome == 'failed']
    counts.failures += [f'{name}: {case}' for case in failed]
    counts.passed += sum(outcome == 'passed' for _, outcome in inside)
    counts.skipped += sum(outcome == 'skipped' for _, outcome in inside)
    if result == 'SKIP' and not inside:
        counts.skipped += 1
    elif result in GOOD and not inside:
        counts.passed += 1
    elif result not in GOOD and result != 'SKIP' and not failed:
        counts.failures.append(f'{name}: {result}' + (' outside its cases' if inside else ''))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('log_dir', help="a build directory's meson-logs")
    parser.add_argument('--meson-status', type=int, default=0, help='the exit code of meson test')
    arguments = parser.parse_args()
    counts = count(arguments.log_dir)
    nothing_ran = counts.passed + len(counts.failures) == 0
    if arguments.meson_status != 0 and not counts.failures:
        counts.failures.append(f'meson test itself, exit code {arguments.meson_status}')
    if counts.failures:
        print('\nFailed:')
        for failure in counts.failures:
            print(f'  {failure}')
        print(f"Log: {os.path.join(arguments.log_dir, 'testlog.txt')}")
    if nothing_ran:
        print('No test ran.')
    print(counts.line())
    return 1 if counts.failures or nothing_ran else 0


if __name__ == '__main__':
    sys.exit(main())
