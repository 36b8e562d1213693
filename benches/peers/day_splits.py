"""Every question of Tarn alone, in a store of merged splits and in one of many.

With little memory an import merges splits to no more than what a day of the logs fills, so
that the second store has about a split a day.
"""

import os
import statistics

import contestants
import corpora
import needles
import race
import workload

CORPUS = corpora.CORPORA["2m"]
LITTLE_MEMORY = "64MiB"


class DaySplits(contestants.Tarn):
    name = "tarn-day-splits"
    title = "Tarn, a split a day"

    def load(self, logs):
        self.command += ["--memory", LITTLE_MEMORY]
        try:
            return super().load(logs)
        finally:
            # Questions have as much as those of the other store.
            self.command = self.command[:-2]


def measure(arguments):
    """Medians of two hot servers for each question, asked in turns."""
    CORPUS.make(arguments.tarn, arguments.cache)
    folder = arguments.cache / CORPUS.name
    _, duckdb, _ = contestants.all_three(arguments.tarn, folder)
    two = [contestants.Tarn(arguments.tarn, folder), DaySplits(arguments.tarn, folder)]
    for contestant in (*two, duckdb):
        race.loaded(contestant, CORPUS, arguments)
        contestant.start()
    places = needles.find(lambda text: duckdb.ask(text, rows=True)[1])
    duckdb.stop()
    numbers = [number for number in arguments.queries.split(",") if number]
    asked = [ask(question, places, two, arguments) for question in workload.questions(numbers)]
    for contestant in two:
        contestant.stop()
    return {
        "splits": {c.name: sum(1 for _ in (c.database / "splits").iterdir()) for c in two},
        "questions": asked,
        "load_average": round(os.getloadavg()[0], 1),
    }


def ask(question, places, two, arguments):
    text = question.filled(places)["tarn"]
    rows, times = [], {c.name: [] for c in two}
    for contestant in two:
        rows.append(sorted(map(str, contestant.ask(text, question.language, rows=True)[1])))
    for _ in range(arguments.rounds):
        for contestant in two:
            times[contestant.name].append(contestant.ask(text, question.language)[0])
    medians = {name: statistics.median(all_ms) for name, all_ms in times.items()}
    agrees = rows[0] == rows[1]
    cells = "  ".join(f"{name} {ms:.1f}" for name, ms in medians.items())
    print(f"{question.number} {question.name:<34} {cells}{'' if agrees else '  DIFFERENT'}", flush=True)
    return {
        "number": question.number,
        "why": question.why,
        "agrees": agrees,
        "hot_ms": medians,
    }
