#!/usr/bin/env bash
# One guesses: an informer whose watch is refused backs off, as client-go's reflector does (0.8 s, doubling to 30 s).
# What happens: after a failed list it waits 5 s, after a failed watch not at all: it asks again as quickly as answers
# come, without an end, for as long as the API server says 503.
# Versions: kubernetes (Python) 37.0.2, SharedInformer; an HTTP server on loopback answers as an API server does.
# Costs who does not know: every replica of an operator hammers an API server that is just starting again.
set -euo pipefail
. "$(dirname "$0")/lib/lab.sh"

version 'kubernetes 37.0.2 for Python, SharedInformer'
expected 'while each watch is answered 503, a handful of watches in a minute, ever fewer'

wheels kubernetes==37.0.2
ask <<'PYTHON'
import http.server, json, logging, threading, time
from kubernetes import client
from kubernetes.informer import SharedInformer

logging.disable()
watches = []


class ApiServer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_): pass

    def do_GET(self):
        if "watch=" in self.path:
            watches.append(time.monotonic())
            status, reply = 503, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 503}
        else:
            empty = {"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": []}
            status, reply = 200, empty
        body = json.dumps(reply).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), ApiServer)
threading.Thread(target=server.serve_forever, daemon=True).start()
configuration = client.Configuration(host=f"http://127.0.0.1:{server.server_port}")
informer = SharedInformer(list_func=client.CoreV1Api(client.ApiClient(configuration)).list_pod_for_all_namespaces)
informer.start()
end = time.monotonic() + 60
while len(watches) < 100 and time.monotonic() < end:
    time.sleep(0.05)
informer.stop()
seconds = watches[-1] - watches[0]
print(f"seen:     {len(watches)} watches within {seconds:.1f} s, {len(watches) / seconds:.0f} a second")
assert len(watches) >= 100
PYTHON
