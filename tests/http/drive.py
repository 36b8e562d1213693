#!/usr/bin/env python3
"""Drives a real server with a real client through the cases of `cases/`.

    drive.py --tarn BINARY --client curl|python [CASES...]

Each file of cases is a server of its own over an empty directory, and its cases are
asked one after another:

    == what this is about
    POST /v1/events?store=default
    content-type: application/json
    < {"eventTime": "2026-05-01T00:00:00Z"}
    > 200 application/json
    > header tarn-request-id ~ .
    > json events.stored == 1
    > text ~ a regular expression
    > keep id = import

`<` are the lines of the body. Before them may stand `@gzip` (it is packed),
`@multipart` (each line is `path | mtime in ns or nothing | content`), `@size N` (it is
N bytes long) and `@chunked` (its length is not told). With `@until` it is asked again
until the answer is as expected, for some seconds. `{{id}}` is what was kept as id.
`>` is what is expected: status and media type, then what else. Anything but the
status may be left out; an error has to be a problem with what is wrong in it.

In the end every operation of the OpenAPI description must have been asked well, and,
where it takes anything, wrongly.
"""

import argparse
import gzip
import http.client
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from server import Server  # noqa: E402

HERE = Path(__file__).resolve().parent
UNTIL_SECONDS = 20
# Nothing that these are asked is wrong but the method.
TAKE_NOTHING = {"/healthz", "/readyz", "/metrics", "/openapi.json"}


class Case:
    def __init__(self, name, place):
        self.name, self.place = name, place
        self.method = self.target = None
        self.headers, self.body, self.how, self.expected = [], [], {}, []
        self.seconds = 0


def read_cases(path):
    cases = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.startswith("== "):
            cases.append(Case(line[3:], f"{path.name}:{number}"))
            continue
        if not line.strip() or line.startswith("#"):
            continue
        case = cases[-1]
        if line.startswith("> "):
            case.expected.append(line[2:])
        elif line.startswith("<"):
            case.body.append(line[2:])
        elif line.startswith("@"):
            word, _, value = line[1:].partition(" ")
            if word == "until":
                case.seconds = UNTIL_SECONDS
            else:
                case.how[word] = value
        elif case.method is None:
            case.method, case.target = line.split(" ", 1)
        else:
            name, value = line.split(":", 1)
            case.headers.append((name.strip(), value.strip()))
    return cases


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.body = status, body
        self.headers = {name.lower(): value for name, value in headers}


def parts_of(case, fill):
    """The files of a multipart body: name, time, content."""
    for line in case.body:
        name, mtime, content = (part.strip() for part in fill(line).split("|", 2))
        yield name, mtime, content.encode()


def body_of(case, fill):
    """The body's bytes and the media type that it brings with it."""
    if "size" in case.how:
        return b"x" * int(case.how["size"]), None
    if "multipart" in case.how:
        boundary, body = "a-boundary-of-the-tests", b""
        for name, mtime, content in parts_of(case, fill):
            head = f'--{boundary}\r\ncontent-disposition: form-data; name="file"; filename="{name}"\r\n'
            head += f"tarn-modified-ns: {mtime}\r\n" if mtime else ""
            body += head.encode() + b"\r\n" + content + b"\r\n"
        return body + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"
    body = "\n".join(fill(line) for line in case.body).encode()
    return (gzip.compress(body) if "gzip" in case.how else body), None


def ask_python(server, case, fill):
    body, media_type = body_of(case, fill)
    headers = [(name, fill(value)) for name, value in case.headers]
    if media_type:
        headers.append(("content-type", media_type))
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    names = {name.lower() for name, _ in headers}
    connection.putrequest(case.method, fill(case.target), skip_host="host" in names, skip_accept_encoding=True)
    for name, value in headers:
        connection.putheader(name, value)
    try:
        if "chunked" in case.how:
            connection.putheader("transfer-encoding", "chunked")
            connection.endheaders()
            for at in range(0, len(body), 65536):
                piece = body[at:at + 65536]
                connection.send(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            connection.send(b"0\r\n\r\n")
        else:
            if body or case.method in ("POST", "PUT", "PATCH"):
                connection.putheader("content-length", str(len(body)))
            connection.endheaders()
            connection.send(body)
    except (BrokenPipeError, ConnectionResetError):
        pass  # The answer may be there nevertheless.
    response = connection.getresponse()
    answer = Answer(response.status, response.getheaders(), response.read())
    connection.close()
    return answer


def ask_curl(server, case, fill):
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        command = ["curl", "-sS", "--path-as-is", "-m", "60", "-D", folder / "headers", "-o", folder / "body"]
        command += ["-I"] if case.method == "HEAD" else ["-X", case.method]
        names = {name.lower() for name, _ in case.headers}
        for name, value in case.headers:
            command += ["-H", f"{name}: {fill(value)}" if value else f"{name};"]
        if "multipart" in case.how:
            for n, (name, mtime, content) in enumerate(parts_of(case, fill)):
                (folder / f"part-{n}").write_bytes(content)
                form = f'file=@{folder}/part-{n};filename="{name}"'
                command += ["-F", form + (f';headers="Tarn-Modified-Ns: {mtime}"' if mtime else "")]
        elif case.body or case.how:
            (folder / "sent").write_bytes(body_of(case, fill)[0])
            command += ["--data-binary", f"@{folder}/sent"]
            command += ["-H", "Transfer-Encoding: chunked"] if "chunked" in case.how else []
            command += [] if "content-type" in names else ["-H", "Content-Type:"]
        ran = subprocess.run([*command, server.url + fill(case.target)], capture_output=True, text=True)
        if ran.returncode != 0:
            raise AssertionError(f"curl: {ran.stderr.strip()}")
        # The last head: before it may stand that of 100 Continue.
        heads = re.split(r"\r?\n\r?\n", (folder / "headers").read_text().strip())
        status, *lines = heads[-1].splitlines()
        headers = [tuple(part.strip() for part in line.split(":", 1)) for line in lines]
        body = (folder / "body").read_bytes() if (folder / "body").exists() else b""
        return Answer(int(status.split()[1]), headers, body)


def at_path(value, path):
    for part in filter(None, path.split(".")):
        value = value[int(part)] if isinstance(value, list) else value[part]
    return value


def compare(value, operator, wanted, what):
    if operator == "==":
        assert value == json.loads(wanted), f"{what} is {value!r}"
    elif operator == "~":
        text = value if isinstance(value, str) else json.dumps(value)
        assert re.search(wanted, text, re.DOTALL), f"{what} is {text[:400]!r}"
    elif operator == ">=":
        assert value >= json.loads(wanted), f"{what} is {value!r}"
    else:
        raise AssertionError(f"no such comparison: {operator}")


def check(case, answer, kept, fill):
    status, _, media_type = case.expected[0].partition(" ")
    text = answer.body.decode(errors="replace")
    assert answer.status == int(status), f"the status is {answer.status}: {text[:400]}"
    given = answer.headers.get("content-type", "")
    if media_type:
        assert given.split(";")[0] == media_type, f"the media type is {given!r}"
    if answer.status >= 400 and case.method != "HEAD":
        assert given == "application/problem+json", f"an error of type {given!r}: {text[:400]}"
        problem = json.loads(text)
        assert problem["status"] == answer.status and problem["detail"], problem
    assert "tarn-request-id" in answer.headers, "no request id"
    for line in case.expected[1:]:
        word, rest = line.split(" ", 1)
        if word == "json":
            path, operator, wanted = rest.split(" ", 2)
            path = "" if path == "." else path
            compare(at_path(json.loads(text), path), operator, fill(wanted), path or "the body")
        elif word == "lines":
            operator, wanted = rest.split(" ", 1)
            compare(len(text.splitlines()), operator, wanted, "the number of lines")
        elif word == "header":
            name, operator, wanted = rest.split(" ", 2)
            compare(answer.headers.get(name.lower(), ""), operator, fill(wanted), f"the header {name}")
        elif word == "text":
            operator, wanted = rest.split(" ", 1)
            compare(text, operator, fill(wanted), "the body")
        elif word == "keep":
            name, path = (part.strip() for part in rest.split("=", 1))
            kept[name] = str(at_path(json.loads(text), path))
        else:
            raise AssertionError(f"no such expectation: {line}")


def ask_until(ask, server, case, kept, fill):
    """The answer; with `@until` the first that is as expected, or the last."""
    give_up = time.monotonic() + case.seconds
    while True:
        answer = ask(server, case, fill)
        try:
            check(case, answer, dict(kept), fill)
            return answer
        except AssertionError:
            if time.monotonic() >= give_up:
                return answer
            time.sleep(0.02)


def is_of(template, path):
    pattern = re.sub(r"\{[^}]*\}", "[^/]+", template)
    return re.fullmatch(pattern, path)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--tarn", required=True)
    arguments.add_argument("--client", choices=("curl", "python"), required=True)
    arguments.add_argument("cases", nargs="*", type=Path)
    given = arguments.parse_args()
    ask = {"curl": ask_curl, "python": ask_python}[given.client]
    files = given.cases or sorted((HERE / "cases").glob("*.http"))
    asked, wrong, n_cases, described = [], [], 0, {}
    for path in files:
        with Server(given.tarn) as server:
            kept = {}

            def fill(text):
                return re.sub(r"\{\{(\w+)\}\}", lambda name: kept[name[1]], text)

            for case in read_cases(path):
                n_cases += 1
                try:
                    answer = ask_until(ask, server, case, kept, fill)
                    asked.append((case.method.lower(), fill(case.target).split("?")[0], answer.status))
                    check(case, answer, kept, fill)
                except (AssertionError, KeyError, IndexError, TypeError, ValueError, OSError) as reason:
                    wrong.append(f"{case.place}: {case.name}: {type(reason).__name__}: {reason}")
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
            connection.request("GET", "/openapi.json")
            described = json.loads(connection.getresponse().read())
            if server.process.poll() is not None:
                wrong.append(f"{path.name}: the server ended: " + "\n".join(server.lines))
    if not given.cases:
        for template, item in described["paths"].items():
            for method in item:
                statuses = [s for m, p, s in asked if m == method and is_of(template, p)]
                if not any(s < 400 for s in statuses):
                    wrong.append(f"nothing asks {method} {template} well")
                if template not in TAKE_NOTHING and not any(400 <= s < 500 for s in statuses):
                    wrong.append(f"nothing asks {method} {template} wrongly")
    for line in wrong:
        print(line)
    print(f"{n_cases} cases with {given.client}, {len(wrong)} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
