"""The same question about a day of 20,000 events, in stores of growing size."""

import os
import statistics

import contestants
import corpora
import needles
import race
import workload

SIZES = {"flat": corpora.FLAT[:2], "flat-20m": corpora.FLAT}
ONE_DAY = "29"


def measure(size, arguments):
    """Medians of a hot server for each store, asked in turns."""
    [question] = workload.questions([ONE_DAY])
    stores = []
    for corpus in SIZES[size]:
        corpus.make(arguments.tarn, arguments.cache)
        tarn = contestants.Tarn(arguments.tarn, arguments.cache / corpus.name)
        race.loaded(tarn, corpus, arguments)
        stores.append((corpus, tarn))
    text = needles.fill(
        question.texts["tarn"],
        {"day_start": "2026-10-28 00:00:00", "day_end": "2026-10-29 00:00:00"},
    )
    for _, tarn in stores:
        tarn.start()
    times = {corpus.name: [] for corpus, _ in stores}
    for turn in range(arguments.rounds + 1):
        for corpus, tarn in stores:
            ms, _ = tarn.ask(text, question.language)
            if turn > 0:  # the first warms up
                times[corpus.name].append(ms)
    for _, tarn in stores:
        tarn.stop()
    medians = {name: statistics.median(all_ms) for name, all_ms in times.items()}
    for name, ms in medians.items():
        print(f"{name:<12} one day: {ms:.1f} ms", flush=True)
    return {
        "events": {corpus.name: corpus.events for corpus, _ in stores},
        "hot_ms": medians,
        "load_average": round(os.getloadavg()[0], 1),
    }
