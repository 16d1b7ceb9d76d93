"""A version pushed onto a volume: whole or not at all, and from where it broke."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

import pytest

from longshore.repository.integrity import write_manifest
from longshore.repository.layout import ModelRepository
from longshore_k8s.api import ClusterUnreachable, Reply
from longshore_k8s.exec_stream import ConnectionBroke
from longshore_k8s.push.errors import PushFailed
from longshore_k8s.push.model_to_push import choose
from tests.push.pods import RUNNING, Cluster, Said, push

BYTES = 3_000_000


@pytest.fixture
def model(tmp_path):
    """Version 2, large enough to be broken in the middle, with a folder inside."""
    version = tmp_path / "here/digits/2"
    (version / "vocab").mkdir(parents=True)
    shutil.copy("models/digits/1/model.onnx", version / "model.onnx")
    (version / "vocab/words.bin").write_bytes(bytes(range(250)) * (BYTES // 250))
    (version / "empty.txt").touch()
    (version.parent / "config.yaml").write_text("max_batch_size: 4\n")
    return choose(version.parent, None, runs=False)


@pytest.fixture
def cluster(tmp_path):
    volume = tmp_path / "volume"
    volume.mkdir()
    return Cluster(volume)


def contents(directory):
    files = (path for path in directory.rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): path.read_bytes() for path in files}


def test_a_version_arrives_with_its_manifest_and_its_config_and_nothing_is_left(cluster, model):
    said = push(cluster, model)

    there = contents(cluster.volume / "digits")
    sent = {f"2/{name}": content for name, content in contents(model.directory).items()}
    manifest = there.pop("2/manifest.json").decode()
    assert manifest == model.manifest.to_json()
    assert there == {**sent, "config.yaml": b"max_batch_size: 4\n"}
    assert [one.name for one in (cluster.volume / "digits").glob(".*")] == []
    assert cluster.pods == {}
    assert said.shown[-1] == ("verified", model.size, model.size)


def test_a_server_accepts_what_was_pushed_at_once(cluster, model):
    push(cluster, model)

    scan = ModelRepository(cluster.volume / "digits", manifest="required").scan()
    assert [artifact.version for artifact in scan.artifacts] == ["2"]


def test_the_manifest_that_a_version_has_is_the_one_that_it_gets(cluster, model):
    written = write_manifest(model.directory).read_text()

    push(cluster, choose(model.directory.parent, None, runs=False))

    assert (cluster.volume / "digits/2/manifest.json").read_text() == written


@pytest.mark.parametrize("breaks", [[1_500_000], [400_000, 600_000], [10]])
def test_a_broken_push_goes_on_from_where_it_broke(cluster, model, breaks):
    cluster.breaks = list(breaks)

    said = push(cluster, model)

    assert contents(cluster.volume / "digits/2").keys() >= contents(model.directory).keys()
    tries = len(breaks) + 1
    assert len(cluster.streams) == len(cluster.made) == tries, "each try has a pod of its own"
    assert sum("trying again" in line for line in said.sentences) == len(breaks)
    sent = sum(stream.sent for stream in cluster.streams)
    assert sent < model.size + tries * 400_000, "what was there was not sent again"


def test_the_same_command_goes_on_after_one_that_gave_up(cluster, model):
    cluster.breaks = [1_500_000, *[10] * 5]
    with pytest.raises(PushFailed, match="the same command goes on from"):
        push(cluster, model)
    assert not (cluster.volume / "digits/2").exists(), "nothing to serve yet"
    assert cluster.pods == {}

    said = push(cluster, model)

    assert any("going on from" in line for line in said.sentences)
    assert (cluster.volume / "digits/2/manifest.json").exists()


def test_a_version_that_is_there_is_not_overwritten(cluster, model):
    push(cluster, model)
    before = contents(cluster.volume)

    with pytest.raises(PushFailed, match="at models:digits already, with the same content"):
        push(cluster, model)
    (model.directory / "more.bin").write_bytes(b"1")
    with pytest.raises(PushFailed, match="a version is never overwritten: push it as another"):
        push(cluster, choose(model.directory.parent, None, runs=False))

    assert contents(cluster.volume) == before


def test_a_version_that_was_published_when_the_last_word_was_lost_is_published(cluster, model):
    execute = cluster.execute

    def lose_the_last_word(pod, command):
        stream = execute(pod, command)
        receive = stream.receive

        def received(seconds):
            found = receive(seconds)
            if found and b"published" in found:
                cluster.execute = execute
                raise ConnectionBroke("cut")
            return found

        stream.receive = received
        return stream

    cluster.execute = lose_the_last_word
    said = push(cluster, model)

    assert len(cluster.made) == 2
    assert "trying again" in said.sentences[-1]


def test_another_config_is_replaced_only_on_request(cluster, model):
    (cluster.volume / "digits").mkdir()
    (cluster.volume / "digits/config.yaml").write_text("max_batch_size: 8\n")

    with pytest.raises(PushFailed, match="--replace-config"):
        push(cluster, model)
    assert not (cluster.volume / "digits/2").exists()
    push(cluster, model, replaces_config=True)

    assert (cluster.volume / "digits/config.yaml").read_text() == "max_batch_size: 4\n"


def test_a_file_that_changes_meanwhile_is_noticed_in_the_pod(cluster, model):
    words = model.directory / "vocab/words.bin"
    words.write_bytes(b"x" * words.stat().st_size)

    with pytest.raises(PushFailed, match=r"vocab/words\.bin: read back from models:digits"):
        push(cluster, model)

    assert not (cluster.volume / "digits/2").exists()


def test_bytes_that_rotted_on_the_volume_are_sent_again(cluster, model):
    cluster.breaks = [2_500_000, *[10] * 5]
    with pytest.raises(PushFailed):
        push(cluster, model)
    (staged,) = cluster.volume.glob("digits/.push-2-*/vocab/words.bin")
    staged.write_bytes(b"?" + staged.read_bytes()[1:])

    said = push(cluster, model)

    assert "vocab/words.bin: came over wrong; once more" in said.sentences
    assert contents(cluster.volume / "digits/2")["vocab/words.bin"][:1] == b"\0"


def test_fresh_removes_what_interrupted_pushes_left(cluster, model):
    old = cluster.volume / "digits/.push-1-0123456789abcdef"
    old.mkdir(parents=True)
    (old / "model.onnx").write_bytes(b"half")

    push(cluster, model, is_fresh=True)

    assert not old.exists()


def test_two_pushes_of_the_same_do_not_mix(cluster, model):
    def push_again():
        said.watch = lambda: None
        with pytest.raises(PushFailed, match="somebody else is pushing version 2"):
            push(cluster, model)
        refused.append(True)

    refused, said = [], Said()
    said.watch = push_again
    push(cluster, model, said=said)

    assert refused == [True]
    assert (cluster.volume / "digits/2/manifest.json").exists()


@pytest.mark.parametrize("ending", [KeyboardInterrupt, RuntimeError])
def test_the_pod_goes_on_every_way_out(cluster, model, ending):
    def end():
        raise ending

    with pytest.raises(ending):
        push(cluster, model, said=Said(watch=end))

    assert len(cluster.made) == 1
    assert cluster.pods == {}


def test_a_pod_of_which_nobody_knows_whether_it_was_made_is_deleted(cluster, model):
    made = cluster.post

    def lose_the_answer(path, body):
        made(path, body)
        cluster.post = made
        raise ClusterUnreachable("no answer")

    cluster.post = lose_the_answer
    push(cluster, model)

    assert len(cluster.made) == 2
    assert cluster.pods == {}


def test_a_pod_whose_owner_was_killed_is_removed_by_the_next_push_once_it_has_ended(cluster, model):
    pods = "/api/v1/namespaces/prod/pods"
    push(cluster, model)
    for name, phase in (("ended", "Succeeded"), ("working", "Running")):
        metadata = {**cluster.made[0]["metadata"], "name": name}
        cluster.pods[f"{pods}/{name}"] = {"metadata": metadata, "status": {"phase": phase}}
    others = {"metadata": {"name": "other"}, "status": {"phase": "Succeeded"}}
    cluster.pods[f"{pods}/other"] = others

    push(cluster, model, path="elsewhere")

    assert {path.rpartition("/")[2] for path in cluster.pods} == {"working", "other"}


def test_an_image_without_the_program_is_named(cluster, model):
    cluster.program = ["python3", "-m", "longshore_of_old"]

    with pytest.raises(PushFailed, match=r"image registry\.example/longshore:1-cpu cannot take"):
        push(cluster, model)

    assert cluster.pods == {}


def test_a_pod_without_memory_enough_is_told(cluster, model):
    killed = {"terminated": {"reason": "OOMKilled", "exitCode": 137}}
    status = {"phase": "Failed", "containerStatuses": [{"name": "push", "state": killed}]}

    def kill():
        cluster.status = status
        cluster.breaks = [0]

    cluster.breaks = [1_000_000]
    with pytest.raises(PushFailed, match="give it more by --memory"):
        push(cluster, model, said=Said(watch=kill))
    assert cluster.status is not RUNNING


def test_a_process_that_the_kernel_killed_in_a_pod_that_goes_on_is_told(cluster, model):
    cluster.program = ["sh", "-c", "exit 137"]

    with pytest.raises(PushFailed, match="give it more by --memory"):
        push(cluster, model)


def test_a_node_that_is_low_on_memory_is_no_fault_of_the_push(cluster, model):
    evicted = {"phase": "Failed", "reason": "Evicted", "message": "The node was low on memory."}

    def evict():
        cluster.status = evicted
        said.watch = lambda: None

    said = Said(watch=evict)
    post = cluster.post

    def recover(path, body):
        cluster.status = RUNNING
        return post(path, body)

    cluster.post = recover
    cluster.breaks = [1_000_000]
    push(cluster, model, said=said)

    assert len(cluster.made) == 2
    assert any("Evicted The node was low on memory" in line for line in said.sentences)


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ('pods "x" is forbidden: exceeded quota: small, requested: memory=256Mi', "--memory"),
        ('violates PodSecurity "restricted:latest": seccompProfile', "podSecurityContext"),
        ("minimum memory usage per Container is 1Gi, but request is 256Mi", "a LimitRange of prod"),
        (
            'User "me" cannot create resource "pods" in API group ""',
            "the Role in the chart's README",
        ),
        ("admission webhook denied the request", "see who refuses it"),
    ],
)
def test_a_pod_that_is_refused_is_told_with_what_to_do(cluster, model, said, advice):
    cluster.refusal = Reply(403, json.dumps({"message": said}).encode())

    with pytest.raises(PushFailed) as refused:
        push(cluster, model)

    assert advice in str(refused.value)
    assert said in str(refused.value)


SAYS_NOTHING_OF_ITS_ROOM = """
import sys
from longshore_k8s.push.in_pod import __main__, receive
receive.free_bytes = lambda root: None
sys.exit(__main__.main(sys.argv[1:]))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to mount a small volume")
def test_a_volume_that_becomes_full_is_told_and_what_came_stays(cluster, model):
    cluster.program = [sys.executable, "-c", SAYS_NOTHING_OF_ITS_ROOM]
    small = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(cluster.volume)]
    subprocess.run(small, check=True)
    try:
        with pytest.raises(PushFailed, match="the volume of claim models is full"):
            push(cluster, model)
        assert len(cluster.made) == 1, "a full volume is not tried again"
        (staged,) = (path for path in cluster.volume.glob("digits/.push-*") if path.is_dir())
        assert sum(path.stat().st_size for path in staged.rglob("*") if path.is_file()) > 500_000
    finally:
        subprocess.run(["umount", str(cluster.volume)], check=True)


def test_a_volume_that_may_not_be_written_to_is_told(cluster, model, tmp_path):
    place = tmp_path / "file"
    place.touch()
    cluster.volume = place  # no directory can be made in it

    with pytest.raises(PushFailed, match="could not take version 2 in at models:digits"):
        push(cluster, model)
