#!/usr/bin/env bash
# One guesses: server-side apply of a custom resource returns the object, whether it was created or changed; the API
# server sends it in both cases (201 and 200).
# What happens: the call that creates returns None, with no error; the next one, which changes, returns the object.
# The client reads an answer's body only for the status codes in its generated table, and 201 isn't among them here.
# Versions: kubernetes (Python) 37.0.2; an HTTP server on loopback answers as an API server does.
# Costs who does not know: the uid or resourceVersion of a fresh object raises TypeError, the first time only: in every
# new namespace, and in no test against one that is there.
set -euo pipefail
. "$(dirname "$0")/lib/lab.sh"

version 'kubernetes 37.0.2 for Python, CustomObjectsApi.patch_namespaced_custom_object'
expected 'the object from both calls: the one that creates (201) and the one that changes (200)'

wheels kubernetes==37.0.2
ask <<'PYTHON'
import http.server, json, threading
from kubernetes import client

statuses = iter((201, 200))


class ApiServer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_): pass

    def do_PATCH(self):
        applied = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        applied["metadata"]["uid"] = "3c4f"
        body = json.dumps(applied).encode()
        self.send_response(next(statuses))
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), ApiServer)
threading.Thread(target=server.serve_forever, daemon=True).start()
api = client.CustomObjectsApi(client.ApiClient(client.Configuration(host=f"http://127.0.0.1:{server.server_port}")))
body = {"apiVersion": "example.org/v1", "kind": "Shop", "metadata": {"name": "shop"}, "spec": {"size": 1}}
created, changed = (
    api.patch_namespaced_custom_object(
        "example.org", "v1", "default", "shops", "shop", body,
        field_manager="finding", _content_type="application/apply-patch+yaml",
    )
    for _ in range(2)
)
print(f"seen:     created: {created}, changed: an object with uid {changed['metadata']['uid']}")
assert created is None
PYTHON
