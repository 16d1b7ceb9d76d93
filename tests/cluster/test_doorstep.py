"""What a newcomer follows: the commands of the README, docs/kubernetes.md, docs/autoscaling.md,
docs/capacity.md, docs/doctor/README.md and chart/README.md, each as it stands there.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
import yaml

from tests.cluster import example_models
from tests.cluster.control_plane.operator_kinds import wait_until_established
from tests.cluster.reader import Reader, left_to
from tests.cluster.serving import Serving
from tests.contracts.crd import CRD
from tests.doctor.records import write_record
from tests.guides.document import Command

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(500)]


def test_the_readme_leads_from_a_model_to_an_answer_and_to_a_sound_autoscaler(
    reader: Reader,
) -> None:
    install, push, test, upgrade, doctor = left_to(__file__, "README.md")

    reader.run(install)
    assert "served by sentiment-longshore-" in reader.says(push)
    assert reader.answers("sentiment")
    assert "Phase:          Succeeded" in reader.run(test)
    reader.run(upgrade)

    reader.cluster.wait_until(
        lambda: reader.ended(doctor).returncode == 0, "every link to be sound", seconds=120
    )
    look_closer(reader)


def look_closer(reader: Reader) -> None:
    """The commands of the page on the doctor, of a release that is sound."""
    installed, planned, measured = (
        replace(one, text=one.text.replace("RELEASE -n NAMESPACE", "sentiment"))
        for one in left_to(__file__, "docs/doctor/README.md")
    )
    values = reader.run(Command("helm get values sentiment -o yaml", "", ""))
    (reader.clone / "values.yaml").write_text(values)
    write_record(reader.clone / "capacity.json", memory_peak=2**40)

    assert "x LS" not in reader.run(installed)
    assert "x LS" not in reader.run(planned)
    assert "below the peak that was measured" in reader.run(measured)


@pytest.mark.usefixtures("keeper_goes")
def test_the_page_on_kubernetes_leads_to_a_release_and_to_a_model_as_a_resource(
    reader: Reader,
) -> None:
    install, push, test, keeper, apply, push_again, wait, listing = left_to(
        __file__, "docs/kubernetes.md"
    )

    for command in (install, push, test):
        reader.run(command)
    reader.run(keeper)
    wait_until_established(reader.cluster, CRD.stem)
    reader.run(apply)
    reader.run(push_again)
    reader.run(wait)

    assert reader.answers("topics")
    heading, row = listing.output.splitlines()
    shown, told = reader.run(listing).splitlines()
    assert shown.split() == heading.split()
    assert told.split()[1:] == row.split()[1:], "as it stands there, but for the namespace"
    reader.cluster.kubectl("delete", "lsm", "topics", "-n", reader.namespace)


def test_the_page_on_autoscaling_makes_a_release_with_an_autoscaler_or_gives_one_to_it(
    reader: Reader,
) -> None:
    release, watch = left_to(__file__, "docs/autoscaling.md")

    reader.run(release)
    assert "sentiment-longshore" in reader.watched(watch)
    reader.run(release)


def test_the_page_on_capacity_deploys_what_was_measured(reader: Reader) -> None:
    install, push, watch = left_to(__file__, "docs/capacity.md")
    values = {"autoscaling": {"mode": "hpa"}, "resources": {"requests": {"cpu": "500m"}}}
    (reader.clone / "capacity.yaml").write_text(yaml.safe_dump(values))

    reader.run(install)
    reader.run(push)

    assert reader.answers("digits")
    assert "digits-longshore" in reader.watched(watch)


def test_the_charts_readme_serves_what_is_on_a_claim_and_takes_another_version(
    reader: Reader,
) -> None:
    install, test, push, versions = left_to(__file__, "chart/README.md")
    folder = Serving(reader.cluster, reader.namespace, "sentiment").create_claim() / "text"
    example_models.write_version(folder / "sentiment", 1)
    # The nodes here give no claim to the group of its pods.
    (folder / "sentiment").chmod(0o777)
    (reader.model / "1").rename(reader.model / "2")

    reader.run(install)
    assert "Phase:          Succeeded" in reader.run(test)
    reader.run(push)

    listed = reader.run(versions)
    assert [line.split()[0] for line in listed.splitlines()[2:4]] == ["1", "2"], listed
