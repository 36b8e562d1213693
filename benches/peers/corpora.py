"""The logs that are measured: their sizes, and where they come from."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
REAL_LOGS = HERE.parents[2] / "shared" / "data" / "cloudtrail"


@dataclass(frozen=True)
class Corpus:
    name: str
    title: str
    events: int
    events_per_file: int
    days: int = 31

    def logs(self, cache: Path) -> Path:
        return cache / self.name / "logs"

    def make(self, tarn: Path, cache: Path):
        """Writes the logs, unless an earlier run has."""
        logs = self.logs(cache)
        done = logs.with_name("logs.json")
        if done.is_file():
            return
        logs.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            [tarn, "--quiet", "generate", "--out", logs]
            + ["--events", str(self.events), "--events-per-file", str(self.events_per_file)]
            + ["--days", str(self.days)],
            check=True,
        )
        done.write_text(json.dumps(counted(logs)))


@dataclass(frozen=True)
class RealLogs:
    """Public logs of real accounts, where they lie beside the repository."""

    name: str = "real"
    title: str = "public logs of real accounts"

    def logs(self, _cache: Path) -> Path:
        return REAL_LOGS

    def make(self, _tarn: Path, cache: Path):
        if not REAL_LOGS.is_dir():
            raise FileNotFoundError(f"the public logs are not there: {REAL_LOGS}")
        (cache / self.name).mkdir(parents=True, exist_ok=True)
        (cache / self.name / "logs.json").write_text(json.dumps(counted(REAL_LOGS)))


CORPORA = {
    corpus.name: corpus
    for corpus in (
        Corpus("400k", "400,000 events, 200 a file", 400_000, 200),
        Corpus("2m", "2,000,000 events, 200 a file", 2_000_000, 200),
        Corpus("20m", "20,000,000 events, 200 a file", 20_000_000, 200),
        Corpus("small-files", "800,000 events, 8 a file", 800_000, 8),
        RealLogs(),
    )
}

# A day holds the same number of events in each: what changes is how much else there is.
FLAT = [
    Corpus("flat-200k", "10 days of 20,000 events", 200_000, 200, 10),
    Corpus("flat-2m", "100 days of 20,000 events", 2_000_000, 200, 100),
    Corpus("flat-20m", "1,000 days of 20,000 events", 20_000_000, 200, 1_000),
]


def counted(logs: Path):
    sizes = [path.stat().st_size for path in logs.rglob("*.json.gz")]
    return {"files": len(sizes), "bytes": sum(sizes)}


def measured(corpus, cache: Path):
    """How many files, and how many bytes they are together."""
    return json.loads((cache / corpus.name / "logs.json").read_text())
