"""Downloads against a local server that misbehaves in every way we know."""

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from common.base.errors import UserError
from common.data.download import download

CONTENT = bytes(range(256)) * 4000
SHA = "sha256:" + hashlib.sha256(CONTENT).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """``/ok`` serves with ranges; ``/cut`` breaks off half way each time; ``/once`` breaks off the first time only;
    ``/chunked`` breaks off within a chunk; ``/nonsense`` answers no HTTP.
    """

    requests: list[tuple[str, str | None]] = []
    broke = False

    def do_GET(self):
        Handler.requests.append((self.path, self.headers.get("Range")))
        wrong = {"/html": b"  <!DOCTYPE html><html>quota exceeded</html>", "/wrong": CONTENT[::-1]}
        start = int((self.headers.get("Range") or "bytes=0-").split("=")[1].rstrip("-"))
        body = wrong.get(self.path, CONTENT[start:])
        if self.path == "/missing" or not body:
            return self.send_error(404 if body else 416)
        if self.path == "/nonsense":
            return self.wfile.write(b"good morning\r\n")
        self.send_response(206 if start else 200)
        if self.path == "/chunked":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            return self.wfile.write(b"1000\r\n" + CONTENT[:100])
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.path == "/cut" or (self.path == "/once" and not Handler.broke):
            Handler.broke = True
            body = body[: max(len(body) // 2, 1)] if len(body) > 5000 else b""
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    Handler.requests, Handler.broke = [], False
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{httpd.server_port}"
    httpd.shutdown()
    httpd.server_close()


def fetch(urls, target, **options):
    return download(urls, target, [SHA], None, pause=0.01, **options)


def left_in(folder):
    return [path.name for path in folder.iterdir() if path.suffix != ".lock"]


def test_a_download_arrives_whole(server, tmp_path):
    assert fetch([f"{server}/ok"], tmp_path / "file").read_bytes() == CONTENT
    assert left_in(tmp_path) == ["file"]


def test_a_cut_connection_is_resumed_where_it_broke(server, tmp_path):
    assert fetch([f"{server}/once"], tmp_path / "file").read_bytes() == CONTENT
    assert Handler.requests[1][1] == f"bytes={len(CONTENT) // 2}-"


def test_what_arrived_is_kept_for_the_next_call(server, tmp_path):
    with pytest.raises(UserError, match="cut after"):
        fetch([f"{server}/cut"], tmp_path / "file")
    assert not (tmp_path / "file").exists()
    part = (tmp_path / "file.part").read_bytes()
    assert 0 < len(part) < len(CONTENT)
    assert CONTENT.startswith(part)
    assert fetch([f"{server}/ok"], tmp_path / "file").read_bytes() == CONTENT
    assert Handler.requests[-1] == ("/ok", f"bytes={len(part)}-")


@pytest.mark.parametrize(("path", "message"), [("wrong", "checksum"), ("html", "web page"), ("missing", "404")])
def test_a_wrong_file_is_never_taken(server, tmp_path, path, message):
    with pytest.raises(UserError, match=message) as error:
        fetch([f"{server}/{path}"], tmp_path / "file", by_hand="By hand: put it there")
    assert "By hand" in str(error.value)
    assert left_in(tmp_path) == []


def test_the_next_mirror_takes_over(server, tmp_path):
    urls = [f"{server}/missing", f"{server}/html", f"{server}/wrong", f"{server}/ok"]
    assert fetch(urls, tmp_path / "file").read_bytes() == CONTENT


def test_a_wrong_size_is_refused(server, tmp_path):
    with pytest.raises(UserError, match="bytes instead of 7"):
        download([f"{server}/ok"], tmp_path / "file", [], 7, pause=0.01)


def test_a_complete_part_needs_no_more_bytes(server, tmp_path):
    (tmp_path / "file.part").write_bytes(CONTENT)
    assert fetch([f"{server}/ok"], tmp_path / "file").read_bytes() == CONTENT


def test_an_unreachable_server_is_told(tmp_path):
    with pytest.raises(UserError, match="connection failed"):
        fetch(["http://127.0.0.1:9/file"], tmp_path / "file")


@pytest.mark.parametrize("path", ["chunked", "nonsense"])
def test_an_answer_that_is_no_whole_one_is_a_failed_connection(server, tmp_path, path):
    with pytest.raises(UserError, match="connection failed"):
        fetch([f"{server}/{path}"], tmp_path / "file")
    assert fetch([f"{server}/{path}", f"{server}/ok"], tmp_path / "file").read_bytes() == CONTENT


def test_of_several_jobs_that_want_a_file_one_fetches_it(server, tmp_path):
    with ThreadPoolExecutor(4) as jobs:
        found = list(jobs.map(lambda _: fetch([f"{server}/ok"], tmp_path / "file"), range(4)))
    assert {path.read_bytes() for path in found} == {CONTENT}
    assert len(Handler.requests) == 1
