#!/usr/bin/env bash
# One guesses: a leader that cannot renew its lease goes on trying for renew_deadline and is then told by
# onstopped_leading, however it fails.
# What happens: that holds for an error answer. Where the connection is refused, as while the API server restarts,
# run() raises at the first try, long before the deadline, and onstopped_leading is never called; the thread that
# run() started for onstarted_leading works on, with no lease, beside the next leader.
# Versions: kubernetes (Python) 37.0.2, LeaderElection with LeaseLock; an HTTP server on loopback answers as an API
# server does.
# Costs who does not know: two leaders after the restart of an API server. Treat an exception of run() as the loss.
set -euo pipefail
. "$(dirname "$0")/lib/lab.sh"

version 'kubernetes 37.0.2 for Python, LeaderElection: lease_duration 12, renew_deadline 8, retry_period 2'
expected 'onstopped_leading after about 8 s without a renewal, be it refused by an answer (503) or by the connection'

wheels kubernetes==37.0.2
ask <<'PYTHON'
import http.server, json, logging, os, threading, time
from kubernetes import client
from kubernetes.leaderelection import electionconfig, leaderelection
from kubernetes.leaderelection.resourcelock.leaselock import LeaseLock

logging.disable()


def attempt(refuse_connections: bool) -> tuple[str, float, bool, bool]:
    """How run() ended, seconds after the refusals began; whether the callback came; whether the work goes on."""
    lease = {}
    failing, told, elected, given_up = (threading.Event() for _ in range(4))

    class ApiServer(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_): pass

        def answer(self, status: int, reply: dict) -> None:
            if failing.is_set():
                status, reply = 503, {}
            body = json.dumps(reply or {"kind": "Status", "apiVersion": "v1", "code": status}).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body)
            self.close_connection = True

        def do_GET(self): self.answer(200 if lease else 404, lease)

        def write(self):
            lease.update(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.answer(200, lease)

        do_POST = do_PUT = write

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), ApiServer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    client.Configuration.set_default(client.Configuration(host=f"http://127.0.0.1:{server.server_port}"))
    began = []

    def lead() -> None:
        elected.set()
        given_up.wait()

    def fail() -> None:
        elected.wait()
        began.append(time.monotonic())
        if refuse_connections:
            server.shutdown()
            server.server_close()
        else:
            failing.set()

    threading.Thread(target=fail, daemon=True).start()
    lock = LeaseLock("shop", "default", "me")
    config = electionconfig.Config(lock, 12, 8, 2, onstarted_leading=lead, onstopped_leading=told.set)
    try:
        leaderelection.LeaderElection(config).run()
        end = "returned"
    except Exception as error:
        end = f"raised {type(error).__name__}"
    seconds = time.monotonic() - began[0]
    time.sleep(3)
    working = any("run_onstarted" in one.name or "lead" in one.name for one in threading.enumerate())
    given_up.set()
    return end, seconds, told.is_set(), working


answered = attempt(refuse_connections=False)
refused = attempt(refuse_connections=True)
for name, (end, seconds, told, working) in {"503": answered, "connection refused": refused}.items():
    print(f"seen:     {name}: run() {end} after {seconds:.0f} s, onstopped_leading: {told}, work goes on: {working}")
assert answered[0] == "returned" and answered[2] and answered[1] > 6
assert refused[0] == "raised MaxRetryError" and not refused[2] and refused[3] and refused[1] < 6
os._exit(0)  # threads of the second attempt may still wait
PYTHON
