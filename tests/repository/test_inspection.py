from __future__ import annotations

from longshore.repository.inspection import inspect
from longshore.repository.layout import ModelRepository


def test_sound_model_is_servable(model, clock, write):
    write(model / "1" / "model.onnx")
    (model / "v2").mkdir()
    inspection = inspect(ModelRepository(model, clock=clock))
    assert inspection.is_servable
    assert inspection.model_name == "digits"
    assert [artifact.version for artifact in inspection.artifacts] == ["1"]
    assert [problem.version for problem in inspection.problems] == ["v2"]


def test_mistake_in_the_config_is_reported_and_not_raised(model, clock, write):
    write(model / "1" / "model.onnx")
    (model / "config.yaml").write_text("backend: tensorflow")
    inspection = inspect(ModelRepository(model, clock=clock))
    assert not inspection.is_servable
    assert "backend: found 'tensorflow'" in str(inspection.fault)
    assert (inspection.config, inspection.model_name) == (None, None)


def test_absent_directory_is_reported_and_not_raised(tmp_path):
    inspection = inspect(ModelRepository(tmp_path / "absent"))
    assert not inspection.is_servable
    assert "absent" in str(inspection.fault)
