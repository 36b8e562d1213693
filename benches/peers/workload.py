"""The questions, each in three dialects.

`queries/NN-name/` holds `tarn.sql` or `tarn.insights`, `duckdb.sql` and `clickhouse.sql`.
The first line of duckdb.sql is what is asked. Further comments there are marks: `needle`
is looked for in any field, `newest` is the newest hundred of everything, `whole events`
says that the rows are events.
"""

from dataclasses import dataclass
from pathlib import Path

import needles

QUERIES = Path(__file__).resolve().parent / "queries"


@dataclass
class Question:
    number: str
    name: str
    why: str
    marks: list
    language: str
    texts: dict

    def filled(self, values):
        """The text for each engine, with the places filled."""
        return {engine: needles.fill(text, values) for engine, text in self.texts.items()}


def questions(numbers):
    """Those with the numbers, or all."""
    chosen = [q for q in map(read, sorted(QUERIES.iterdir())) if not numbers or q.number in numbers]
    if not chosen:
        raise SystemExit(f"no such question: {', '.join(numbers)}")
    return chosen


def read(folder):
    number, name = folder.name.split("-", 1)
    [ours] = folder.glob("tarn.*")
    lines = (folder / "duckdb.sql").read_text().splitlines()
    comments = [line[2:].strip() for line in lines if line.startswith("--")]
    texts = {
        "tarn": ours.read_text(),
        "duckdb": "\n".join(line for line in lines if not line.startswith("--")),
        "clickhouse": (folder / "clickhouse.sql").read_text(),
    }
    return Question(number, name, comments[0], comments[1:], ours.suffix[1:], texts)
