"""Every release name that Helm accepts gives valid names, which no other release has."""

from __future__ import annotations

import itertools
import re

import helm_python
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.chart import rendering

LONG = "recommendation-ranking-production-eu-west-1-blue"
PART = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
RELEASE_NAMES = st.from_regex(rf"{PART}(\.{PART})*", fullmatch=True).filter(
    lambda name: len(name) <= 53
)
ALIKE = st.builds(
    "{}{}".format, st.sampled_from(["a", "1", "longshore", LONG[:46]]), st.text("a1.-", max_size=7)
).filter(re.compile(rf"{PART}(\.{PART})*").fullmatch)
"""Release names that differ in what is cut, in what is replaced, or in both."""
DNS_LABEL = re.compile(r"(?=.{1,63}\Z)[a-z]([-a-z0-9]*[a-z0-9])?")
"""RFC 1035, which the API server requires of Services only; it is valid for other kinds too."""
LABEL_VALUE = re.compile(r"(?=.{0,63}\Z)([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?")
EVERYTHING = rendering.ci_values(rendering.CHART / "ci/everything-values.yaml")
CUT_TO = 46
"""With a ReplicaSet's hash and a pod's own ending this is 63."""


def objects(release: str, **values: object) -> list[rendering.Object]:
    derived = {"serviceAccount": {"create": True}, "extraObjects": [], "fullnameOverride": ""}
    shown = {**EVERYTHING, **derived, **values}
    return rendering.render(shown, name=release)


def fullname(release: str, **values: object) -> str:
    (deployment,) = [o for o in rendering.render(values, name=release) if o["kind"] == "Deployment"]
    name: str = deployment["metadata"]["name"]
    return name


def selected(release: str) -> set[frozenset[tuple[str, str]]]:
    """The labels by which each Service finds its pods."""
    services = [entry for entry in objects(release) if entry["kind"] == "Service"]
    return {frozenset(service["spec"]["selector"].items()) for service in services}


def owned(release: str) -> set[tuple[str, str]]:
    return {(entry["kind"], entry["metadata"]["name"]) for entry in objects(release)}


@settings(max_examples=40, deadline=None)
@given(RELEASE_NAMES)
@example("1st-model")
@example("with.dots")
@example("2024")
@example("1e3")
@example("r" * 53)
@example("a" * 45 + "-b")
def test_every_object_has_a_name_that_the_api_server_takes(release: str):
    helm_python.validate_release_name(release)

    for entry in objects(release):
        metadata = entry["metadata"]
        assert DNS_LABEL.fullmatch(metadata["name"]), (entry["kind"], metadata["name"])
        values = metadata["labels"].values()
        assert all(type(v) is str and LABEL_VALUE.fullmatch(v) for v in values), metadata["labels"]
        assert metadata["labels"]["app.kubernetes.io/instance"] == release
    assert len(fullname(release)) <= CUT_TO


@pytest.mark.parametrize(
    "releases",
    [
        ("first", "second"),
        (f"{LONG}-a", f"{LONG}-b"),
        ("with.dots", "with-dots"),
        ("1st-model", "r-1st-model", "longshore-1st-model"),
        (LONG, LONG[:-1], LONG[:40]),
    ],
    ids=lambda releases: releases[0],
)
def test_releases_of_one_namespace_share_no_object_and_no_pod(releases: tuple[str, ...]):
    for one, other in itertools.combinations(releases, 2):
        assert not owned(one) & owned(other)
        assert not selected(one) & selected(other)


@settings(max_examples=40, deadline=None)
@given(st.sets(ALIKE, min_size=2, max_size=2))
def test_two_releases_share_no_name(releases: set[str]):
    assert len({fullname(release) for release in releases}) == 2


@pytest.mark.parametrize(
    ("release", "values", "name"),
    [
        ("sentiment", {}, "sentiment-longshore"),
        ("longshore", {}, "longshore"),
        ("longshore-blue", {}, "longshore-blue"),
        ("r" * 36, {}, "r" * 36 + "-longshore"),
        ("sentiment", {"nameOverride": "server"}, "sentiment-server"),
        ("sentiment", {"fullnameOverride": "text"}, "text"),
        ("sentiment", {"fullnameOverride": "t" * 46}, "t" * 46),
    ],
)
def test_a_name_that_fits_is_kept(release: str, values: rendering.Values, name: str):
    assert fullname(release, **values) == name


@pytest.mark.parametrize(
    ("release", "start"),
    [
        ("1st-model", "r-1st-model-longshore-"),
        ("with.dots", "with-dots-longshore-"),
        (f"{LONG}-a", f"{LONG[:36]}-"),
    ],
)
def test_a_name_that_is_changed_stays_readable_and_the_same(release: str, start: str):
    name = fullname(release)

    assert re.fullmatch(re.escape(start) + "[0-9a-f]{8}", name)
    assert fullname(release, replicas=2) == name


@pytest.mark.parametrize(
    "word", ["true", "null", "on", "n"], ids=lambda word: f"{word} is a word of YAML"
)
def test_a_name_stays_a_text(word: str):
    assert type(fullname("a", fullnameOverride=word)) is str


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("fullnameOverride", "1a"),
        *itertools.product(
            ("nameOverride", "fullnameOverride"), ("My Model", "a_b", "-a", "A", "a-", "a.b")
        ),
    ],
)
def test_a_given_name_that_no_service_can_have_is_refused_in_words(key: str, value: str):
    with pytest.raises(helm_python.HelmRenderError) as refused:
        rendering.render({key: value})

    assert f"{key}: {value}" in str(refused.value)
    assert "lower-case letters, digits and hyphens" in str(refused.value)


@pytest.mark.parametrize("release", ["a", f"{LONG}-a", "1st-model", "with.dots", "r" * 53])
def test_queries_name_the_pods_of_their_release_and_no_others(release: str):
    name = fullname(release)
    keda = {"mode": "keda", "keda": {"serverAddress": "http://p"}}
    texts = [str(entry) for entry in objects(release, autoscaling=keda)]
    found = {m for text in texts for m in re.findall(r'pod=~\\*"([^"\\]+)\\*"', text)}
    (matcher,) = {matcher.replace("$release", name) for matcher in found}  # the dashboard's

    def pod_of(deployment: str) -> str:
        """As Kubernetes makes it: a hash of ten, five at random, 63 characters at most."""
        return f"{deployment}-6c7d8f9b5x-"[:58] + "bcdfg"

    assert re.fullmatch(matcher, pod_of(name))
    assert not re.fullmatch(matcher, pod_of(f"{name}-b"))
    assert not re.fullmatch(matcher, pod_of(f"b-{name}"))


def test_whatever_names_another_object_names_one_that_is_there():
    keda = {"mode": "keda", "keda": {"serverAddress": "http://p"}}
    release = f"{LONG}-a"
    found = {
        entry["kind"]: entry
        for entry in objects(release, autoscaling=keda)
        if not entry["metadata"]["name"].endswith(("-management", "-dashboard"))
    }
    name = fullname(release)
    (pod,) = [entry for entry in objects(release) if rendering.is_hook(entry)]
    (container,) = pod["spec"]["containers"]
    (url,) = [v["value"] for v in container["env"] if v["name"] == "URL"]
    spec = found["Deployment"]["spec"]["template"]["spec"]

    assert found["ScaledObject"]["spec"]["scaleTargetRef"]["name"] == name
    assert found["HTTPRoute"]["spec"]["rules"][0]["backendRefs"][0]["name"] == name
    assert f"//{name}:" in url
    assert spec["serviceAccountName"] == found["ServiceAccount"]["metadata"]["name"]
    assert {"name": "config", "configMap": {"name": name}} in spec["volumes"]
    assert found["Service"]["metadata"]["name"] == name
