"""Tests of count_tests.py: every way in which a test program can end is counted once."""

import contextlib
import io
import json
import os
import sys
import tempfile
import unittest
from unittest import mock

import count_tests

CASES = '''<testsuites><testsuite name="p.p:unit / {program}.Suite">
  <testcase name="Good" status="run" classname="Suite"/>
  <testcase name="Bad" status="run" classname="Suite"><failure message="x">x</failure></testcase>
  <testcase name="Skipped" status="run" classname="Suite"><skipped message="x"/></testcase>
  <testcase name="DISABLED" status="notrun" classname="Suite"/>
</testsuite></testsuites>'''
GOOD_CASE = '''<testsuites><testsuite name="p.p:unit / {program}.Suite">
  <testcase name="Good" status="run" classname="Suite"/></testsuite></testsuites>'''


class CountTests(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.logs = directory.name

    def write(self, results, junit=None):
        with open(os.path.join(self.logs, 'testlog.json'), 'w', encoding='utf-8') as out:
            for name, result in results.items():
                out.write(json.dumps({'name': 'p:unit / ' + name, 'result': result}) + '\n')
        if junit:
            with open(os.path.join(self.logs, 'testlog.junit.xml'), 'w', encoding='utf-8') as out:
                out.write(junit)

    def run_tool(self, *arguments):
        output = io.StringIO()
        with mock.patch.object(sys, 'argv', ['count_tests', *arguments, self.logs]):
            with contextlib.redirect_stdout(output):
                status = count_tests.main()
        return status, output.getvalue().splitlines()

    def test_counts_the_cases_of_a_program(self):
        self.write({'a': 'FAIL'}, CASES.format(program='a'))
        status, lines = self.run_tool('--meson-status', '1')
        self.assertEqual(lines[-1], '1 passed, 1 failed, 2 skipped')
        self.assertIn('  p:unit / a: Suite.Bad', lines)
        self.assertEqual(status, 1)

    def test_counts_programs_without_cases(self):
        self.write({'a': 'OK', 'b': 'SKIP', 'c': 'EXPECTEDFAIL'})
        status, lines = self.run_tool()
        self.assertEqual(lines[-1], '2 passed, 0 failed, 1 skipped')
        self.assertEqual(status, 0)

    def test_a_timeout_or_crash_is_a_failure(self):
        for result in ('TIMEOUT', 'FAIL', 'ERROR', 'INTERRUPT', 'UNEXPECTEDPASS'):
            self.write({'a': result})
            status, lines = self.run_tool('--meson-status', '1')
            self.assertEqual(lines[-1], '0 passed, 1 failed', result)
            self.assertEqual(status, 1)

    def test_a_program_that_fails_after_its_cases_is_a_failure(self):
        self.write({'a': 'FAIL'}, GOOD_CASE.format(program='a'))
        status, lines = self.run_tool('--meson-status', '1')
        self.assertEqual(lines[-1], '1 passed, 1 failed')
        self.assertIn('  p:unit / a: FAIL outside its cases', lines)
        self.assertEqual(status, 1)

    def test_a_program_is_not_given_the_cases_of_another(self):
        self.write({'a': 'OK', 'other a': 'OK'}, GOOD_CASE.format(program='other a'))
        _, lines = self.run_tool()
        self.assertEqual(lines[-1], '2 passed, 0 failed')

    def test_nothing_ran(self):
        self.assertEqual(self.run_tool(), (1, ['No test ran.', '0 passed, 0 failed']))
        self.write({'a': 'SKIP'})
        self.assertEqual(self.run_tool()[0], 1)

    def test_meson_failed_without_saying_where(self):
        self.write({'a': 'OK'})
        status, lines = self.run_tool('--meson-status', '2')
        self.assertEqual(lines[-1], '1 passed, 1 failed')
        self.assertEqual(status, 1)


if __name__ == '__main__':
    unittest.main()
