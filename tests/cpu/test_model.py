from __future__ import annotations

import pytest

from longshore.cpu.model import cpu_model

X86 = "processor\t: 0\nmodel name\t: AMD EPYC\ncpu MHz\t: 2595\n\nprocessor\t: 1\nmodel name\t: B\n"
ARM = "processor\t: 0\nBogoMIPS\t: 243\nCPU implementer\t: 0x41\nCPU part\t: 0xd40\n"


@pytest.mark.parametrize(
    ("text", "model"), [(X86, "AMD EPYC"), (ARM, "0x41 0xd40"), ("", ""), ("nonsense", "")]
)
def test_the_model_of_the_first_cpu_is_told_without_what_changes(tmp_path, text, model):
    (tmp_path / "cpuinfo").write_text(text)

    assert cpu_model(tmp_path / "cpuinfo") == model


def test_a_kernel_that_does_not_tell_names_no_model(tmp_path):
    assert cpu_model(tmp_path / "absent") == ""
