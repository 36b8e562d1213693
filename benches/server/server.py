"""The server that is measured: a process of its own, on a port of its own."""

import http.client
import json
import signal
import socket
import subprocess
import time
from pathlib import Path

START_SECONDS = 30
STOP_SECONDS = 60


class Server:
    def __init__(self, tarn: Path, data: Path, log: Path):
        self.port = free_port()
        self._log = log.open("wb")
        command = [tarn, "--data", data, "serve", "--listen", f"127.0.0.1:{self.port}"]
        self._process = subprocess.Popen(command, stdout=self._log, stderr=self._log)
        self.pid = self._process.pid

    def __enter__(self):
        give_up = time.monotonic() + START_SECONDS
        while True:
            try:
                if self.ask("GET", "/readyz")[0] == 200:
                    return self
            except OSError:
                pass
            if self._process.poll() is not None or time.monotonic() > give_up:
                self.__exit__()
                raise SystemExit(f"the server does not start: see {self._log.name}")
            time.sleep(0.05)

    def __exit__(self, *_):
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._log.close()

    def ask(self, method, path, body=None, headers=None, timeout=600):
        """Status and body of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            if isinstance(body, dict):
                body = json.dumps(body)
                headers = {"Content-Type": "application/json", **(headers or {})}
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def anonymous_bytes(self) -> int:
        """What the process asked for; mapped files and their cache are not counted."""
        with open(f"/proc/{self.pid}/status") as status:
            for line in status:
                if line.startswith("RssAnon:"):
                    return int(line.split()[1]) * 1024
        return 0


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
