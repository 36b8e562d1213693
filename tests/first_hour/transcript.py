#!/usr/bin/env python3
"""Does what docs/first-hour.md says, and compares what it shows.

    transcript.py --tarn BINARY [--write]

The commands of the document (`$ …` in blocks of `console`, further lines with `> `) are
run one after another in a shell in an empty folder, with a terminal of COLUMNS columns as
stdout. What they print has to be what the document shows, times and speeds aside; with
--write the document is given what they print.

Then the answers: `tarn generate --answers` knows what is hidden. Each fact of the incident
has to stand in what was shown, and each of its events has to be among those that the
document's sessions and searches lead to.
"""

import argparse
import difflib
import fcntl
import json
import os
import pty
import re
import shlex
import struct
import subprocess
import sys
import tempfile
import termios
from pathlib import Path

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "first-hour.md"
COLUMNS, LINES = 112, 50
# What another run, or another machine, does in another time; and delays of delivery: of an
# event that was delivered twice the delivery that is read first counts.
MASKED = re.compile(r"\b\d[\d,.]* ?(?:ms|s|min|events/s)\b|\b\d+h \d+m\b")


def blocks(text):
    """The document in pieces: (command, shown) for what was run, (None, text) for the rest."""
    pieces, rest, lines = [], [], iter(text.splitlines())
    for line in lines:
        rest.append(line)
        if line != "```console":
            continue
        pieces.append((None, rest))
        rest, command, shown = [], None, []
        for line in lines:
            if line == "```" or line.startswith("$ "):
                if command is not None:
                    pieces.append((command, shown))
                command, shown = line[2:], []
                if line == "```":
                    rest = [line]
                    break
            elif line.startswith("> ") and not shown:
                command += "\n" + line[2:]
            else:
                shown.append(line)
    pieces.append((None, rest))
    return pieces


def on_terminal(command, environment, folder):
    """What a command prints to a terminal, and its exit status."""
    main, side = pty.openpty()
    fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    attributes = termios.tcgetattr(side)
    attributes[1] &= ~termios.ONLCR
    termios.tcsetattr(side, termios.TCSANOW, attributes)
    told = tempfile.TemporaryFile()
    ran = subprocess.Popen(["bash", "-c", command], stdin=subprocess.DEVNULL, stdout=side, stderr=told,
                           env=environment, cwd=folder)
    os.close(side)
    out = b""
    while True:
        try:
            piece = os.read(main, 65536)
        except OSError:  # the other side is closed
            break
        if not piece:
            break
        out += piece
    os.close(main)
    status = ran.wait()
    told.seek(0)
    return out.decode(), told.read().decode(), status


def masked(lines):
    return [MASKED.sub("…", line).rstrip() for line in lines]


def ids_of(command, environment, folder):
    """The eventIDs that a session or a search of the document leads to."""
    words = shlex.split(command)
    if words[:2] not in (["tarn", "session"], ["tarn", "search"]) or "|" in command:
        return set()
    if {"-c", "-l", "--list-files"} & set(words):
        return set()
    ran = subprocess.run(words, capture_output=True, text=True, env=environment, cwd=folder)
    ids = set()
    for line in ran.stdout.splitlines():
        row = json.loads(line)
        message = row.get("@message")
        message = json.loads(message) if isinstance(message, str) else message
        ids.add(row.get("eventId") or (message or {}).get("eventID"))
    return ids


def check_answers(answers, shown, ids):
    incident = answers["incident"]
    facts = ["leakedAccount", "leakedUser", "leakedKey", "address", "newUser", "newKey", "secondAddress",
             "targetAccount", "targetRegion", "sessionKey", "securityGroup"]
    missing = [f"{name}: {incident[name]}" for name in facts if incident[name] not in shown]
    role = incident["assumedRole"].rsplit("/", 1)[1]
    minutes = (incident["silentUntilS"] - incident["silentFromS"]) // 60
    for name, pattern in [("the role", re.escape(role)), ("denied calls", rf"\b{incident['deniedCalls']}\b"),
                          ("minutes of silence", rf"\b{minutes}\b"), ("the policy", "AdministratorAccess")]:
        if not re.search(pattern, shown):
            missing.append(f"{name}: {pattern}")
    for event in answers["events"]:
        if event["eventID"] not in ids and event["eventID"] not in shown:
            missing.append(f"{event['stage']}: {event['eventName']} {event['eventID']}")
    return missing


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tarn", required=True, type=Path)
    parser.add_argument("--write", action="store_true", help="give the document what is printed now")
    options = parser.parse_args()
    pieces = blocks(DOCUMENT.read_text())
    failures, shown_all, ids, written = [], "", set(), []
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            "PATH": f"{options.tarn.resolve().parent}:{os.environ['PATH']}",
            "HOME": folder, "TERM": "xterm", "NO_COLOR": "1", "LC_ALL": "C.UTF-8",
        }
        for command, shown in pieces:
            if command is None:
                written += shown
                continue
            out, told, status = on_terminal(command, environment, folder)
            lines = out.splitlines()
            if status != 0:
                failures.append(f"$ {command}\nexit status {status}: {told}")
            if not options.write and masked(lines) != masked(shown):
                difference = difflib.unified_diff(masked(shown), masked(lines), "document", "now", lineterm="")
                failures.append(f"$ {command}\n" + "\n".join(difference))
            shown_all += out
            if status == 0:
                ids |= ids_of(command, environment, folder)
            first, *others = command.splitlines()
            written += [f"$ {first}", *(f"> {line}" for line in others), *(line.rstrip() for line in lines)]
        generate = next(c for c, _ in pieces if c and c.startswith("tarn generate"))
        again = shlex.split(generate)
        again[again.index("--out") + 1] = "again"
        again += ["--answers", "answers.json"]
        subprocess.run(again, check=True, capture_output=True, env=environment, cwd=folder)
        answers = json.loads((Path(folder) / "answers.json").read_text())
        failures += check_answers(answers, shown_all, ids)
    if options.write:
        DOCUMENT.write_text("\n".join(written) + "\n")
    print("\n".join(failures) or f"{len(answers['events'])} events of the incident were found")
    return 1 if failures else 0


sys.exit(main())
