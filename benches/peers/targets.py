"""The targets of the project and what was measured of them."""

import statistics

import race

GIB = 2**30


def table(results):
    """Rows of (what, target, measured, met or None where nothing was measured)."""
    rows = []
    main, small = results.get("2m"), results.get("small-files")
    flat = results.get("flat-20m") or results.get("flat")
    if main:
        rows += of_one_size(main)
    else:
        rows.append(("all of 2,000,000 events", "", "not measured", None))
    if small:
        rows += small_files(small)
    else:
        rows.append(("100,000 files of 8 events", "2 × both", "not measured", None))
    if flat:
        rows.append(flatness(flat))
    else:
        rows.append(("one day, growing store", "flat within 25 %", "not measured", None))
    return rows


def of_one_size(results):
    return loading(results) + asking(results) + memory(results)


def show(results):
    """Prints the targets that one size can be held against."""
    for what, target, measured, met in of_one_size(results):
        verdict = {True: "met", False: "NOT MET", None: ""}[met]
        print(f"{what:<50} {target:<22} {measured:<20} {verdict}", flush=True)


def speed(results, peer):
    loads = results["loads"]
    return loads["tarn"]["events_per_second"] / loads[peer]["events_per_second"]


def size_ratio(results):
    return results["loads"]["tarn"]["bytes"] / results["source"]["bytes"]


def loading(main):
    duckdb, clickhouse = speed(main, "duckdb"), speed(main, "clickhouse")
    size, peer = main["loads"]["tarn"]["bytes"], main["loads"]["clickhouse"]["bytes"]
    return [
        ("import rate against DuckDB", "2.0 ×", f"{duckdb:.2f} ×", duckdb >= 2.0),
        ("import rate against ClickHouse", "1.3 ×", f"{clickhouse:.2f} ×", clickhouse >= 1.3),
        (
            "data directory against the gzip source",
            "1.7 ×",
            f"{size_ratio(main):.2f} ×",
            size_ratio(main) <= 1.7,
        ),
        ("data directory against ClickHouse's table", "below", f"{size / peer:.2f} ×", size < peer),
    ]


def small_files(small):
    slower = min(speed(small, "duckdb"), speed(small, "clickhouse"))
    return [
        ("100,000 files of 8: import rate against the faster peer", "2 ×", f"{slower:.2f} ×", slower >= 2),
        (
            "100,000 files of 8: data directory against the source",
            "1.3 ×",
            f"{size_ratio(small):.2f} ×",
            size_ratio(small) <= 1.3,
        ),
    ]


def asking(main):
    asked = main["questions"]
    ahead = [q for q in asked if race.against_faster_peer(q["hot_ms"]) >= 1]
    mean = race.geometric_mean(asked)
    needles = [q for q in asked if "needle" in q["marks"]]
    slowest = max(q["hot_ms"]["tarn"] for q in needles)
    least = min(race.against_faster_peer(q["hot_ms"]) for q in needles)
    quick = [q["once_ms"]["tarn"] for q in asked if {"needle", "newest"} & set(q["marks"])]
    planned = [q["planning_ms"] for q in asked if q["planning_ms"] is not None]
    planning = statistics.median(planned) if planned else None
    return [
        (
            "every query, hot, against the faster peer",
            "no slower",
            f"{len(ahead)} of {len(asked)}",
            len(ahead) == len(asked),
        ),
        ("geometric mean, hot, against the faster peer", "5 ×", f"{mean:.2f} ×", mean >= 5),
        (
            "needle in any field, hot",
            "100 × or at most 3 ms",
            f"{least:.0f} ×, {slowest:.1f} ms",
            all(
                race.against_faster_peer(q["hot_ms"]) >= 100 or q["hot_ms"]["tarn"] <= 3
                for q in needles
            ),
        ),
        (
            "new process: a needle; the newest 100 (slowest)",
            "60 ms",
            f"{max(quick):.0f} ms",
            max(quick) <= 60,
        ),
        (
            "planning (median, new process)",
            "1 ms",
            "not shown" if planning is None else f"{planning:.1f} ms",
            None if planning is None else planning <= 1,
        ),
    ]


def memory(main):
    loading = main["loads"]["tarn"]["anonymous_bytes_max"] / GIB
    serving = main["memory_after"]["tarn"] / GIB
    return [
        ("anonymous memory, import", "1.5 GiB", f"{loading:.2f} GiB", loading <= 1.5),
        ("anonymous memory, server after the workload", "1 GiB", f"{serving:.2f} GiB", serving <= 1),
    ]


def flatness(flat):
    times = list(flat["hot_ms"].values())
    spread = max(times) / min(times) - 1
    sizes = ", ".join(
        f"{ms:.1f} ms in {flat['events'][name]:,}" for name, ms in flat["hot_ms"].items()
    )
    return ("a day of 20,000 events, growing store", "flat within 25 %", sizes, spread <= 0.25)
