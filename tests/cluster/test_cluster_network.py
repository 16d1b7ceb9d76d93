"""ClusterIPs, cluster DNS and the API server, as a pod finds them."""

from __future__ import annotations

import json

import pytest

from tests.cluster import pods
from tests.cluster.control_plane.cluster import Cluster

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]

SERVER = """
cat > /tmp/server.py <<'END'
import http.server, os, signal
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = os.uname().nodename.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
http.server.HTTPServer(("", 8000), Handler).serve_forever()
END
exec python3 /tmp/server.py
"""
CLIENT = """
import json, urllib.request
names = [urllib.request.urlopen("http://web/").read().decode() for _ in range(40)]
print(json.dumps(names))
"""


def test_a_service_name_leads_to_every_ready_pod_behind_it(
    cluster: Cluster, namespace: str
) -> None:
    ready = {"httpGet": {"path": "/", "port": "http"}, "periodSeconds": 1}
    container = {
        "ports": [{"name": "http", "containerPort": 8000}],
        "readinessProbe": ready,
    }
    for name in ("web-1", "web-2"):
        pods.create(cluster, namespace, name, SERVER, container=container, labels={"app": "web"})
    spec = {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": "http"}]}
    cluster.api.post(
        f"/api/v1/namespaces/{namespace}/services", {"metadata": {"name": "web"}, "spec": spec}
    )
    for name in ("web-1", "web-2"):
        pods.wait_until_ready(cluster, namespace, name)
    said = pods.output(cluster, namespace, "client", f"sleep 1; python3 -c '{CLIENT}'")
    assert set(json.loads(said)) == {"web-1", "web-2"}


def test_a_pod_reaches_the_api_server_with_its_own_token(cluster: Cluster, namespace: str) -> None:
    script = """
    folder=/var/run/secrets/kubernetes.io/serviceaccount
    curl -s --cacert $folder/ca.crt -H "Authorization: Bearer $(cat $folder/token)" \
        https://kubernetes.default.svc/api/v1/namespaces/$(cat $folder/namespace)/pods
    """
    answer = json.loads(pods.output(cluster, namespace, "client", script))
    assert answer["code"] == 403
    assert f"system:serviceaccount:{namespace}:default" in answer["message"]


def test_a_service_with_no_pods_refuses_at_once(cluster: Cluster, namespace: str) -> None:
    spec = {"selector": {"app": "nobody"}, "ports": [{"port": 80}]}
    cluster.api.post(
        f"/api/v1/namespaces/{namespace}/services", {"metadata": {"name": "web"}, "spec": spec}
    )
    script = "sleep 1; python3 -c 'import socket; socket.create_connection((\"web\", 80), 5)' 2>&1"
    assert "ConnectionRefusedError" in pods.output(cluster, namespace, "client", script)
