"""A `tarn serve` of a test's own, over a directory of its own."""

import re
import shutil
import signal
import subprocess
import tempfile
import threading
from pathlib import Path


class Server:
    """Serves while it is open. `lines` is what it says on stderr."""

    def __init__(self, tarn, *options, data=None):
        self.home = Path(tempfile.mkdtemp(prefix="tarn-http-"))
        self.data = data or self.home / "data"
        self.lines = []
        self.process = subprocess.Popen(
            [tarn, "--data", self.data, "--memory", "512MB", "--color", "never",
             "serve", "--listen", "127.0.0.1:0", *options],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )
        self.port = None
        listening = threading.Event()

        def read():
            for line in self.process.stderr:
                self.lines.append(line.rstrip("\n"))
                told = re.search(r"listening on http://127\.0\.0\.1:(\d+)", line)
                if told:
                    self.port = int(told[1])
                    listening.set()
            listening.set()

        self.reader = threading.Thread(target=read, daemon=True)
        self.reader.start()
        listening.wait(60)
        if self.port is None:
            self.close()
            raise SystemExit("tarn serve does not listen:\n" + "\n".join(self.lines))

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def stop(self, sign=signal.SIGTERM, seconds=30):
        """Sends the signal and waits. Returns the exit status."""
        self.process.send_signal(sign)
        status = self.process.wait(seconds)
        self.reader.join(5)
        return status

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.home, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
