from __future__ import annotations

from longshore_k8s.controller.resource import MODEL_LABEL
from longshore_k8s.controller.store import ObjectStore, ResourceStore

KEY = ("models", "text")


def document(name: str, version: int, *, uid: str = "u", model: str = "text") -> dict:
    return {
        "kind": "Service",
        "metadata": {
            "name": name, "namespace": "models", "uid": uid, "resourceVersion": str(version),
            "labels": {MODEL_LABEL: model},
        },
    }  # fmt: skip


def test_what_a_write_showed_is_not_undone_by_an_older_watch_event():
    store = ObjectStore()
    store.put("Service", document("a", 10))
    store.put("Service", document("a", 9))

    assert store.of(KEY)["Service", "a"].version == "10"


def test_a_new_object_of_the_name_takes_the_place_of_the_old_one():
    store = ObjectStore()
    store.put("Service", document("a", 10))
    store.put("Service", document("a", 3, uid="new"))
    assert store.of(KEY)["Service", "a"].uid == "new"
    store.remove("Service", document("a", 11))  # the late news of the old one's end
    assert store.of(KEY)["Service", "a"].uid == "new"


def test_a_list_says_also_what_is_gone_and_whom_it_concerns():
    store = ObjectStore()
    store.put("Service", document("a", 1))
    store.put("ConfigMap", document("a", 1))
    store.put("Service", document("b", 1, model="other"))
    concerned = store.replace("Service", "models", [document("c", 2, model="third")])

    assert concerned == {KEY, ("models", "other"), ("models", "third")}
    assert [*store.of(KEY)] == [("ConfigMap", "a")]
    assert store.replace("Service", "elsewhere", []) == set()
    assert [*store.of(("models", "third"))] == [("Service", "c")]


def test_resources_are_kept_as_they_were_shown_last():
    store = ResourceStore()
    store.put(document("text", 4))
    store.put(document("text", 2))
    assert store.get(KEY).version == "4"
    assert store.replace("models", [document("other", 5)]) == {KEY, ("models", "other")}
    assert (store.get(KEY), len(store)) == (None, 1)
    store.remove(document("other", 6))
    assert store.all() == []
