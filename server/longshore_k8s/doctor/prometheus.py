"""The Prometheus that scrapes a release: where it is, and what it answers.

It is asked through the API server (`services/proxy`), so that nothing has to be forwarded.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from urllib.parse import urlsplit

from longshore.errors import SettingsError
from longshore_k8s.api import Json, Reply
from longshore_k8s.doctor.autoscaler import triggers
from longshore_k8s.doctor.monitors import scrapers, scrapers_of_monitors
from longshore_k8s.doctor.objects import Objects, Service
from longshore_k8s.doctor.release import Release, labels
from longshore_k8s.doctor.selectors import selects

OPTION = "--prometheus NAMESPACE/SERVICE:PORT"


def parse_service(text: str) -> Service:
    """`monitoring/prometheus-operated:9090`.

    Raises:
        SettingsError: it is none.
    """
    namespace, _, rest = text.partition("/")
    name, _, port = rest.partition(":")
    if not (namespace and name and port) or "/" in port:
        raise SettingsError(
            f"--prometheus: {text!r} is no NAMESPACE/SERVICE:PORT, such as "
            f"monitoring/prometheus-operated:9090"
        )
    return Service(namespace, name, port)


def find(release: Release, objects: Objects) -> Service | None:
    """The one that the user named, that KEDA asks, or that the operator runs for the release's
    monitors; `None` where nothing tells.

    Raises:
        MissingRight: the objects that tell may not be listed.
    """
    if objects.prometheus is not None:
        return objects.prometheus
    found = chain(_of_keda(release, objects), _of_the_operator(release, objects))
    return next(found, None)


def _of_keda(release: Release, objects: Objects) -> Iterator[Service]:
    for trigger in triggers(release, objects):
        address = urlsplit(str(trigger.get("serverAddress") or ""))
        host = (address.hostname or "").split(".")
        if address.hostname is None or host[-1].isdigit() or ":" in address.hostname:
            continue  # an address is no Service
        if len(host) > 2 and host[2] != "svc":
            continue  # outside of the cluster
        namespace = host[1] if len(host) > 1 else release.namespace
        port = address.port or (443 if address.scheme == "https" else 80)
        yield Service(namespace, host[0], str(port), address.path.rstrip("/"), address.scheme)


def _of_the_operator(release: Release, objects: Objects) -> Iterator[Service]:
    for one in (*scrapers_of_monitors(release, objects), *scrapers(objects)):
        spec = one["spec"]
        yield Service(
            str(one["metadata"].get("namespace", "")),
            spec.get("serviceName") or "prometheus-operated",
            spec.get("portName") or "web",
            str(spec.get("routePrefix") or "").rstrip("/"),
            "https" if (spec.get("web") or {}).get("tlsConfig") else "http",
        )


def ask(objects: Objects, service: Service, endpoint: str, **query: str) -> Json | None:
    """`data` of an answer of its API; `None` where it gives none.

    Raises:
        MissingRight: the Service may not be asked.
    """
    scheme = "https:" if service.scheme == "https" else ""
    path = (
        f"/api/v1/namespaces/{service.namespace}/services/{scheme}{service.name}:{service.port}"
        f"/proxy{service.prefix}/api/v1/{endpoint}"
    )
    reply: Reply = objects.ask(path, right=f"get services/proxy in {service.namespace}", **query)
    data = reply.json().get("data") if reply.status == 200 else None
    return data if isinstance(data, dict) else None


def query(objects: Objects, service: Service, expression: str) -> list[Json] | None:
    """The series of an instant query; `None` where nobody answers.

    Raises:
        MissingRight: see `ask`.
    """
    data = ask(objects, service, "query", query=expression)
    return None if data is None else data.get("result") or []


def pods(objects: Objects, service: Service) -> list[Json]:
    """The pods behind the Service; empty where it has no selector, or is not there.

    Raises:
        MissingRight: it, or the pods of all namespaces, may not be read.
    """
    path = f"/api/v1/namespaces/{service.namespace}/services/{service.name}"
    reply = objects.ask(path, right=f"get services in {service.namespace}")
    wanted = (reply.json().get("spec") or {}).get("selector") if reply.status == 200 else None
    if not wanted:
        return []
    return [
        pod
        for pod in objects.listed("pods of all namespaces")
        if pod["metadata"].get("namespace") == service.namespace
        and selects({"matchLabels": wanted}, labels(pod))
    ]


def shown(service: Service) -> str:
    return f"{service.namespace}/{service.name}:{service.port}"
