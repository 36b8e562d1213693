"""Runs a program and tells how long it took and how much memory it needed of its own."""

import subprocess
import threading
import time
from dataclasses import dataclass

SAMPLE_SECONDS = 0.05


@dataclass
class Run:
    seconds: float
    anonymous_bytes_max: int
    stdout: bytes


def run(command) -> Run:
    """Anonymous memory is what a program asked for; mapped files and their cache are not."""
    begun = time.perf_counter()
    process = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    peak = Peak(process.pid)
    stdout, stderr = process.communicate()
    seconds = time.perf_counter() - begun
    peak.stop()
    if process.returncode:
        raise RuntimeError(f"{command[0]} … failed:\n{(stderr or stdout).decode()}")
    return Run(seconds, peak.bytes_max, stdout)


def wall_ms(command) -> float:
    """From start to end, without a thread that looks on."""
    begun = time.perf_counter()
    process = subprocess.run([str(part) for part in command], capture_output=True)
    ms = (time.perf_counter() - begun) * 1000
    if process.returncode:
        raise RuntimeError(f"{command} failed:\n{process.stderr.decode()}")
    return ms


def anonymous_bytes(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/status") as status:
            for line in status:
                if line.startswith("RssAnon:"):
                    return int(line.split()[1]) * 1024
    except (FileNotFoundError, ProcessLookupError):
        pass
    return 0


class Peak:
    """Watches the anonymous memory of a process."""

    def __init__(self, pid: int):
        self.bytes_max = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, args=(pid,), daemon=True)
        self._thread.start()

    def stop(self):
        self._over.set()
        self._thread.join()

    def _watch(self, pid):
        while not self._over.wait(SAMPLE_SECONDS):
            self.bytes_max = max(self.bytes_max, anonymous_bytes(pid))
