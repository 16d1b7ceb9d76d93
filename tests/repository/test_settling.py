from __future__ import annotations

from longshore.repository.integrity import write_manifest
from tests.repository.conftest import NOW
from tests.repository.scans import messages, served


def test_version_that_was_just_written_waits_until_it_is_still(model, repository, clock, write):
    write(model / "1" / "model.onnx")
    write(model / "2" / "model.onnx", at=NOW - 1)
    scan = repository.scan()
    assert served(scan) == ["1"]
    assert [(problem.version, problem.is_temporary) for problem in scan.problems] == [("2", True)]
    clock.now += 1
    assert served(repository.scan()) == ["2"]


def test_modification_time_in_the_future_does_not_block_for_ever(model, repository, clock, write):
    write(model / "1" / "model.onnx", at=NOW + 86_400)
    assert served(repository.scan()) == []
    clock.now += 1.9
    write(model / "1" / "model.onnx", b"grows on", at=NOW + 86_400)
    assert served(repository.scan()) == []
    clock.now += 1.9
    assert served(repository.scan()) == []
    clock.now += 0.2
    assert served(repository.scan()) == ["1"]


def test_clock_that_is_set_back_only_starts_the_wait_anew(model, repository, clock, write):
    write(model / "1" / "model.onnx", at=NOW + 86_400)
    repository.scan()
    clock.now -= 3600
    assert served(repository.scan()) == []
    clock.now += 2
    assert served(repository.scan()) == ["1"]


def test_half_copied_version_is_temporary_until_it_stops_changing(model, repository, clock, write):
    write(model / "1" / "weights.bin", at=NOW)
    assert repository.scan().problems[0].is_temporary
    clock.now += 5
    assert not repository.scan().problems[0].is_temporary


def test_complete_manifest_makes_a_version_count_at_once(model, repository, write):
    write(model / "1" / "model.onnx", at=NOW)
    write_manifest(model / "1")
    assert served(repository.scan()) == ["1"]


def test_manifest_before_its_files_keeps_a_version_waiting(model, repository, write, clock):
    write(model / "1" / "model.onnx")
    write(model / "1" / "weights.bin")
    write_manifest(model / "1")
    write(model / "1" / "weights.bin", b"wei", at=NOW)
    scan = repository.scan()
    assert served(scan) == []
    assert "weights.bin: 3 bytes, manifest.json says 7" in messages(scan)[0]
    assert scan.problems[0].is_temporary
    clock.now += 5
    assert not repository.scan().problems[0].is_temporary


def test_served_version_that_is_being_changed_stays(model, repository, clock, write):
    write(model / "1" / "model.onnx")
    write(model / "2" / "model.onnx")
    (before,) = repository.scan().artifacts
    write(model / "2" / "notes.txt", at=clock.now)
    scan = repository.scan()
    assert scan.artifacts == (before,)
    assert scan.problems[0].is_temporary
    clock.now += 5
    (after,) = repository.scan().artifacts
    assert after.version == "2"
    assert after.fingerprint != before.fingerprint
