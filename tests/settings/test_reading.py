from __future__ import annotations

import re
from pathlib import Path

import pytest

from longshore.errors import SettingsError
from longshore.settings.reading import load_settings, misspelt_variables
from longshore.settings.table import option_table


def test_the_command_line_wins_over_environment_file_and_default(tmp_path):
    file = tmp_path / "settings.yaml"
    file.write_text("port: 1\nthreads: 2\ninstances: 3\n")
    environ = {"LONGSHORE_PORT": "4", "LONGSHORE_THREADS": "5"}

    settings = load_settings({"port": "6"}, environ, file)

    assert settings.http.port == 6
    assert settings.model.threads == 5
    assert settings.model.instances == 3
    assert settings.metrics.management_port == 8002


def test_an_empty_value_counts_as_unset():
    assert load_settings({}, {"LONGSHORE_THREADS": ""}).model.threads is None


def test_an_empty_calibration_cache_keeps_none(tmp_path):
    file = tmp_path / "settings.yaml"
    file.write_text('calibration_cache: ""\n')

    assert load_settings({"calibration_cache": ""}, {}).calibration.calibration_cache == ""
    assert load_settings({}, {}, file).calibration.calibration_cache == ""
    assert load_settings({}, {}).calibration.calibration_cache != ""


def test_buckets_are_numbers_between_commas_or_a_list(tmp_path):
    file = tmp_path / "settings.yaml"
    file.write_text("latency_buckets_seconds: [0.1, 2]\n")

    assert load_settings({}, {}, file).metrics.latency_buckets_seconds == (0.1, 2.0)
    environ = {"LONGSHORE_LATENCY_BUCKETS_SECONDS": "0.1, 0.5"}
    assert load_settings({}, environ).metrics.latency_buckets_seconds == (0.1, 0.5)


@pytest.mark.parametrize(
    ("written", "cpus"), [("500m", 0.5), ("'1500m'", 1.5), ("0.5", 0.5), ("2", 2.0)]
)
def test_cpus_are_quantities_in_every_source(tmp_path, written, cpus):
    file = tmp_path / "settings.yaml"
    file.write_text(f"cpus: {written}\n")
    text = written.strip("'")

    assert load_settings({}, {}, file).model.cpus == cpus
    assert load_settings({"cpus": text}, {}).model.cpus == cpus
    assert load_settings({}, {"LONGSHORE_CPUS": text}).model.cpus == cpus
    assert load_settings({}, {"LONGSHORE_CPU_REQUEST": text}).model.cpu_request == cpus
    assert load_settings({}, {}).model.cpus is None


def test_what_kubernetes_sets_for_a_service_called_longshore_is_not_the_port():
    environ = {"LONGSHORE_PORT": "tcp://10.96.0.7:8000", "LONGSHORE_SERVICE_HOST": "10.96.0.7"}

    assert load_settings({}, environ).http.port == 8000
    assert misspelt_variables(environ) == {}


def test_a_misspelt_variable_is_found():
    environ = {"LONGSHORE_MAX_BATCHSIZE": "8", "LONGSHORE_THREADS": "2", "PATH": "/bin"}

    assert misspelt_variables(environ) == {"LONGSHORE_MAX_BATCHSIZE": "LONGSHORE_MAX_BATCH_SIZE"}


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("port", "many", "a whole number from 0 to 65535"),
        ("port", "70000", "a whole number from 0 to 65535"),
        ("port", 80.5, "a whole number from 0 to 65535"),
        ("request_timeout_seconds", "0", "a number from 0.001 to 3600"),
        ("request_timeout_seconds", "nan", "a number from 0.001 to 3600"),
        ("show_version", "perhaps", "true or false"),
        ("log_format", "xml", "one of auto, text, json"),
        ("latency_buckets_seconds", "0.5,0.1", "a list of ascending numbers above 0"),
        ("latency_buckets_seconds", "0,0.1", "a list of ascending numbers above 0"),
        ("latency_buckets_seconds", "0.1,inf", "a list of ascending numbers above 0"),
        ("latency_buckets_seconds", "fast", "a list of ascending numbers above 0"),
        ("cpus", "half", "a number of CPUs above 0, as in 500m, 1.5 or 2"),
        ("cpus", "0", "a number of CPUs above 0, as in 500m, 1.5 or 2"),
        ("cpu_request", "-1", "a number of CPUs above 0, as in 500m, 1.5 or 2"),
        ("manifest", "maybe", "one of optional, required, ignored"),
    ],
)
def test_a_value_that_is_not_allowed_names_setting_source_and_what_is(name, value, allowed):
    flag = "--" + name.replace("_", "-")

    with pytest.raises(SettingsError, match=f"^{flag}: .* is not {allowed}$"):
        load_settings({name: value}, {})
    with pytest.raises(SettingsError, match=f"^LONGSHORE_{name.upper()}: "):
        load_settings({}, {f"LONGSHORE_{name.upper()}": str(value)})


@pytest.mark.parametrize(("text", "value"), [("true", True), ("1", True), ("off", False)])
def test_switches_take_the_usual_words(text, value):
    assert load_settings({"show_version": text}, {}).http.show_version is value


@pytest.mark.parametrize(("word", "value"), [("on", "on"), ("off", "off"), ("'off'", "off")])
@pytest.mark.parametrize("name", ["console", "cuda_graphs"])
def test_on_and_off_are_words_although_yaml_reads_booleans(tmp_path, name, word, value):
    file = tmp_path / "settings.yaml"
    file.write_text(f"{name}: {word}\n")

    settings = load_settings({}, {}, file)

    assert {"console": settings.http.console, "cuda_graphs": settings.cuda.cuda_graphs}[
        name
    ] == value


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("cuda_precision: off", "settings.yaml: cuda_precision: False is not one of float32"),
        ("colour: red", "unknown setting 'colour'"),
        ("- 1", "expected a mapping of settings, found list"),
        ("port: [", "while parsing"),
        ("port: many", "settings.yaml: port: 'many' is not a whole number"),
        ("port: true", "settings.yaml: port: True is not a whole number"),
        ("cpus: true", "settings.yaml: cpus: True is not a number of CPUs above 0"),
        ("cpus: .inf", "settings.yaml: cpus: inf is not a number of CPUs above 0"),
        ("name: [digits]", "settings.yaml: name: ['digits'] is not a text"),
    ],
)
def test_a_mistake_in_the_file_names_the_file(tmp_path, content, message):
    file = tmp_path / "settings.yaml"
    file.write_text(content)

    with pytest.raises(SettingsError, match=re.escape(message)) as error:
        load_settings({}, {}, file)
    assert str(file) in str(error.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(SettingsError, match=r"absent\.yaml"):
        load_settings({}, {}, tmp_path / "absent.yaml")


def test_an_empty_file_changes_nothing(tmp_path):
    file = tmp_path / "settings.yaml"
    file.write_text("")

    assert load_settings({}, {}, file) == load_settings({}, {})


def test_every_setting_says_what_it_does():
    for row in option_table():
        assert row.help.endswith("."), row.name
        assert row.flag == f"--{row.name.replace('_', '-')}"
        assert row.environment_variable.startswith("LONGSHORE_")


def test_every_default_is_allowed():
    settings = load_settings({row.name: row.default for row in option_table()}, {})

    assert settings == load_settings({}, {})
    assert isinstance(Path(settings.calibration.calibration_cache), Path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfe: 1", "not UTF-8 at byte 0"),
        (b"a: [", "while parsing"),
        (b"[" * 100_000, "maximum recursion depth"),
        (b"a: 2026-13-45", "month must be"),
    ],
)
def test_a_config_file_that_cannot_be_read_is_named(tmp_path, content, message):
    file = tmp_path / "settings.yaml"
    file.write_bytes(content)

    with pytest.raises(SettingsError, match=f"{re.escape(str(file))}: .*{message}"):
        load_settings({}, {}, file)


def test_a_config_file_that_is_a_directory_or_absent_is_named(tmp_path):
    for path, message in ((tmp_path, "Is a directory"), (tmp_path / "x", "No such file")):
        with pytest.raises(SettingsError, match=f"{re.escape(str(path))}: {message}"):
            load_settings({}, {}, path)


@pytest.mark.parametrize("value", [".inf", "-.inf", ".nan", "1e400"])
def test_a_number_without_a_value_is_no_whole_number(tmp_path, value):
    file = tmp_path / "settings.yaml"
    file.write_text(f"threads: {value}\n")

    with pytest.raises(SettingsError, match=r"threads: .* is not a whole number"):
        load_settings({}, {}, file)
