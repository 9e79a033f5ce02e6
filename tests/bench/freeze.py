#!/usr/bin/env python3
"""Freezes the daemon for about one second in a ten-second steady run and compares the response p99 with what the freeze
must make of it: S - (1 - q) T (1 - r), with S the freeze as stamped here, T the measured part, r the rate over the drain
rate (docs/measurement.md). Prints both and their ratio; exits 1 when a run failed, never for a figure.

Usage: freeze.py LOADGEN EVENTD
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time

RATE = 2000
DURATION_S = 10.0
WARMUP_S = 1.0
FREEZE_AT_S = 4.0
FREEZE_S = 1.0
Q = 0.99


def loadgen(executable, socket, *flags):
    return [executable, "--backend", "daemon", "--endpoint", socket, "--json", "--quiet", "--policy", "block",
            "--block-deadline", "30s", "--services", "6", *flags]


def drain_rate(executable, socket):
    """Events per second that the daemon moves when nothing holds it back: a closed loop's events over its time."""
    begin = time.monotonic()
    run = subprocess.run(
        loadgen(executable, socket, "--outstanding", "512", "--rate", "100k/s", "--duration", "1s", "--warmup", "0s"),
        capture_output=True, text=True, check=False)
    elapsed = time.monotonic() - begin
    if run.returncode not in (0, 4):
        sys.exit(f"the closed-loop run failed: {run.stderr}")
    # Start-up and shutdown are in the time, so this is a lower bound; at this rate 1 - r barely depends on it.
    return json.loads(run.stdout)["offered"] / elapsed


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    executable, eventd = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="routebench-freeze-") as directory:
        os.chmod(directory, 0o700)
        socket = os.path.join(directory, "eventd.sock")
        ready, theirs = os.pipe()
        daemon = subprocess.Popen([eventd, "--listen", socket, "--ready-fd", str(theirs), "--log-level", "warning"],
                                  pass_fds=[theirs])
        os.close(theirs)
        try:
            if not os.read(ready, 1):
                sys.exit("the daemon did not start")
            quiet = json.loads(subprocess.run(
                loadgen(executable, socket, "--pattern", "steady", "--rate", f"{RATE}/s", "--duration", "3s"),
                capture_output=True, text=True, check=False).stdout)
            r = RATE / drain_rate(executable, socket)
            run = subprocess.Popen(
                loadgen(executable, socket, "--pattern", "steady", "--arrivals", "even", "--rate", f"{RATE}/s",
                        "--duration", f"{DURATION_S:.0f}s", "--warmup", f"{WARMUP_S:.0f}s"),
                stdout=subprocess.PIPE, text=True)
            time.sleep(WARMUP_S + FREEZE_AT_S)
            daemon.send_signal(signal.SIGSTOP)
            stopped = time.monotonic()
            time.sleep(FREEZE_S)
            daemon.send_signal(signal.SIGCONT)
            freeze = time.monotonic() - stopped
            out, _ = run.communicate()
            frozen = json.loads(out)
        finally:
            daemon.terminate()
            daemon.wait()
    predicted = freeze - (1 - Q) * DURATION_S * (1 - r)
    measured = frozen["response_p99_ns"] / 1e9
    print(f"freeze {freeze:.4f} s in {DURATION_S:.0f} s at {RATE}/s: response p99 {measured:.4f} s, "
          f"predicted {predicted:.4f} s at r = {r:.3f}, ratio {measured / predicted:.4f} (asked: within 5 %)")
    print(f"response p50 with the freeze {frozen['response_p50_ns'] / 1e3:.1f} us, without {quiet['response_p50_ns'] / 1e3:.1f} us; "
          f"run {'valid' if frozen['valid'] else 'INVALID'}")


if __name__ == "__main__":
    main()
