"""What ./run.sh makes of the exit codes of a campaign and its report."""
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

RUN_SH = pathlib.Path(sys.argv.pop(1)).resolve()


class CampaignAndReport(unittest.TestCase):
    def outcome(self, campaign, report):
        """The exit code of campaign_and_report, or the worst one that it notes."""
        with tempfile.TemporaryDirectory() as directory:
            for name, code in (("loadgen", campaign), ("analysis", report)):
                program = pathlib.Path(directory, name, name)
                program.parent.mkdir()
                program.write_text(f"#!/bin/sh\nexit {code}\n")
                program.chmod(0o700)
            function = 'source <(sed -n "/^campaign_and_report()/,/^}/p" "$1"); worst=0;'
            call = 'campaign_and_report "$2" "$2" mixed:16 --; exit "$worst"'
            command = ["bash", "-euo", "pipefail", "-c", function + call, "run", str(RUN_SH), directory]
            return subprocess.run(command, env=os.environ, check=False).returncode

    def test_the_report_judges_invalid_runs(self):
        self.assertEqual(self.outcome(campaign=0, report=0), 0)
        self.assertEqual(self.outcome(campaign=4, report=0), 0)
        self.assertEqual(self.outcome(campaign=4, report=4), 4)

    def test_a_campaign_that_failed_ends_it(self):
        self.assertEqual(self.outcome(campaign=1, report=0), 1)
        self.assertEqual(self.outcome(campaign=130, report=0), 130)

    def test_a_report_that_failed_is_noted(self):
        self.assertEqual(self.outcome(campaign=0, report=1), 1)


if __name__ == "__main__":
    unittest.main()
