"""The settings of the process: its ports, its life, what it tells."""

from typing import Annotated

from msgspec import Struct

from longshore.settings.option import Setting


class HttpSettings(Struct, frozen=True):
    """The inference port and what a client may send to it."""

    host: Annotated[
        str,
        Setting(
            "Address that the inference port listens on; the default is every address, IPv4 and "
            "IPv6. `0.0.0.0` is IPv4 alone, `::` IPv6 alone."
        ),
    ] = ""
    port: Annotated[int, Setting("Inference port.", minimum=0, maximum=65535)] = 8000
    max_body_bytes: Annotated[
        int,
        Setting(
            "Largest request body, also after decompression; more is answered 413, and 429 when "
            "bodies of four times as much are being read at once.",
            minimum=1,
        ),
    ] = 128 * 1024 * 1024
    json_processes: Annotated[
        int | None,
        Setting(
            "Processes that decode large JSON bodies that come at once, beside the server; "
            "started when they first do, where memory is free. The default is one for each CPU, "
            "but at most 4, and none with fewer than 2 CPUs.",
            minimum=0,
            maximum=64,
        ),
    ] = None
    body_timeout_seconds: Annotated[
        float,
        Setting("Longest time that a client may take to send its body; then 408.", minimum=0.01),
    ] = 30.0
    max_header_bytes: Annotated[
        int, Setting("Largest head of a request; more is 431.", minimum=1024)
    ] = 65536
    header_timeout_seconds: Annotated[
        float,
        Setting(
            "Longest time that a client may take for a TLS handshake, and for the head of a "
            "request.",
            minimum=0.01,
        ),
    ] = 10.0
    write_timeout_seconds: Annotated[
        float,
        Setting(
            "A client that takes nothing of its answers for this long is cut off; a slow one is "
            "not.",
            minimum=0.01,
        ),
    ] = 30.0
    max_connections: Annotated[
        int,
        Setting(
            "Connections at once, TLS handshakes included; more are answered 503 and closed.",
            minimum=1,
        ),
    ] = 16384
    keep_alive_seconds: Annotated[
        int, Setting("An idle connection is closed after this long.", minimum=1)
    ] = 75
    connection_max_age_seconds: Annotated[
        float,
        Setting(
            "A connection is closed after this long, give or take 20 %, so that new pods get load"
            " from keep-alive clients; 0 never.",
            minimum=0,
        ),
    ] = 300.0
    console: Annotated[
        str,
        Setting(
            "A console at `/` and the API's documentation at `/docs`, or `off`. Where tokens are "
            "required, `auto` gives the pages to those alone who send one; with `on` they are "
            "open, and ask for the token.",
            choices=("auto", "on", "off"),
        ),
    ] = "auto"
    show_version: Annotated[bool, Setting("Tell clients the server's version in `GET /v2`.")] = (
        False
    )
    auth_token_file: Annotated[
        str, Setting("File with the bearer tokens allowed, one a line; read again when it changes.")
    ] = ""
    tls_cert_file: Annotated[
        str,
        Setting(
            "Certificate chain (PEM) for HTTPS on the inference port; read again when renewed."
        ),
    ] = ""
    tls_key_file: Annotated[str, Setting("Private key (PEM) of `tls_cert_file`.")] = ""


class LifecycleSettings(Struct, frozen=True):
    """Loading and stopping."""

    model_poll_seconds: Annotated[
        float,
        Setting("How often the volume is looked at for new versions; 0 looks once.", minimum=0),
    ] = 5.0
    version_settle_seconds: Annotated[
        float,
        Setting(
            "A version without a manifest counts once its files have been still for this long.",
            minimum=0,
        ),
    ] = 2.0
    manifest: Annotated[
        str,
        Setting(
            "Whether a version needs a `manifest.json`; one that is there is verified unless "
            "ignored.",
            choices=("optional", "required", "ignored"),
        ),
    ] = "optional"
    trial_timeout_seconds: Annotated[
        int,
        Setting(
            "Longest time that a new version may take to be tried beside one that serves, and a "
            "tenth of it without progress; a second more for every 10 MiB of it.",
            minimum=1,
        ),
    ] = 600
    swap: Annotated[
        str,
        Setting(
            "What becomes of a new version that has no room in memory beside the one that serves:"
            " `beside` refuses it; `replace` lets the old one go first, so that requests are "
            "answered 503 until the new one is ready, or the old one again.",
            choices=("beside", "replace"),
        ),
    ] = "beside"
    candidate_spread_seconds: Annotated[
        float,
        Setting(
            "Longest time that a new version waits beside one that serves before it is tried: "
            "each pod of a release waits for a part of it, drawn at random, so that they do not "
            "try it at once.",
            minimum=0,
            maximum=86400,
        ),
    ] = 0.0
    repository_api: Annotated[
        bool, Setting("Serve Triton's repository extension (`index`, `load`, `unload`).")
    ] = False
    drain_delay_seconds: Annotated[
        float,
        Setting(
            "Keep accepting for this long after SIGTERM, while the Service forgets the pod.",
            minimum=0,
            maximum=3600,
        ),
    ] = 5.0
    drain_timeout_seconds: Annotated[
        float,
        Setting(
            "After the drain delay, the longest wait for requests in flight before the process "
            "ends.",
            minimum=0,
            maximum=3600,
        ),
    ] = 30.0


class MetricsSettings(Struct, frozen=True):
    """The management port."""

    management_host: Annotated[
        str,
        Setting(
            "Address that the management port listens on; as `host` by default and in its words."
        ),
    ] = ""
    management_port: Annotated[
        int,
        Setting(
            "Port of `/metrics` and a second set of health paths, served by a thread of its own.",
            minimum=0,
            maximum=65535,
        ),
    ] = 8002
    latency_buckets_seconds: Annotated[
        tuple[float, ...],
        Setting(
            "Upper bounds of the duration histograms' buckets, ascending, as in `0.01,0.05,0.25`;"
            " put the latency that you promise on one. The default is 15 of them from 0.0005 to "
            "30."
        ),
    ] = ()


class LogSettings(Struct, frozen=True):
    """What is told, and in which form."""

    log_level: Annotated[
        str,
        Setting(
            "Least severe level that is logged.", choices=("debug", "info", "warning", "error")
        ),
    ] = "info"
    log_format: Annotated[
        str,
        Setting(
            "`text`, `json`, or `auto`: text on a terminal, JSON otherwise.",
            choices=("auto", "text", "json"),
        ),
    ] = "auto"
    access_log: Annotated[
        bool,
        Setting(
            "A line for each request on the inference port, save for the probes: status, bytes, "
            "version, rows, batch, and the time in the queue and of computing. Whatever "
            "`log_level` is."
        ),
    ] = False
    tracing: Annotated[
        str,
        Setting(
            "`otlp` sends a span for each request and each execution to an OpenTelemetry "
            "collector, as the variables `OTEL_*` say, and gives exemplars to scrapers of "
            "OpenMetrics; needs the extra `otel`.",
            choices=("none", "otlp"),
        ),
    ] = "none"
