"""What RViz is told, and that config/tracker.rviz asks for what the node publishes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from std_msgs.msg import String
from support.calibrated_camera import CENTER_PX, FOCAL_PX, CameraInfos
from support.node_bench import NODE, NodeBench, assert_on_square
from support.session_bench import wait_until
from visualization_msgs.msg import Marker, MarkerArray

from siammask_ros.ros.tracking_io.markers import build_markers

TOPIC = f"{NODE}/markers"
RVIZ = Path(__file__).resolve().parents[3] / "config" / "tracker.rviz"
TYPES = {
    "rviz_default_plugins/Image": "sensor_msgs/msg/Image",
    "rviz_default_plugins/MarkerArray": "visualization_msgs/msg/MarkerArray",
}


def listening(bench: NodeBench) -> Any:
    subscription = bench.client.listen(MarkerArray, TOPIC)
    publisher = bench.node._topics._markers
    wait_until(lambda: publisher.get_subscription_count() > 0, "a reader of the markers")
    return subscription


def markers_of(bench: NodeBench, header: Any) -> dict[str, Marker]:
    """The markers that answer an image, by their namespaces; the first one deletes all others."""

    def found() -> Any:
        arrays = bench.client.heard[TOPIC]
        return next((a for a in arrays if a.markers[0].header.stamp == header.stamp), None)

    first, *others = wait_until(found, "markers of the image").markers
    assert first.action == Marker.DELETEALL
    assert all(marker.header == header for marker in (first, *others))
    assert all(marker.action == Marker.ADD for marker in others)
    assert len({(marker.ns, marker.id) for marker in others}) == len(others)
    return {marker.ns: marker for marker in others}


def pixels(marker: Marker) -> np.ndarray:
    """Where a camera without distortion sees a marker's points."""
    points = np.array([(point.x, point.y, point.z) for point in marker.points])
    return np.asarray(points[:, :2] / points[:, 2:] * FOCAL_PX + CENTER_PX)


def test_a_target_is_drawn_along_its_bearing_and_deleted_when_it_is_gone() -> None:
    with NodeBench() as bench:
        bench.started(0)
        listening(bench)
        CameraInfos(bench).until_told("from")
        header = bench.client.send(1)
        markers = markers_of(bench, header)
        track = assert_on_square(bench.client.of_stamp(f"{NODE}/tracks", header), 1)
        assert set(markers) == {"ray", "outline", "label"}
        start, end = markers["ray"].points
        assert (start.x, start.y, start.z) == (0, 0, 0)
        bearing = (track.bearing.x, track.bearing.y, track.bearing.z)
        assert (end.x, end.y, end.z) == pytest.approx(bearing)
        outline = pixels(markers["outline"])
        told = np.array([(point.x, point.y) for point in track.outline])
        assert outline[:-1] == pytest.approx(told, abs=1e-3)
        assert outline[0] == pytest.approx(outline[-1])
        assert markers["label"].text == f"1 TRACKING {track.score:.2f}"
        for marker in markers.values():
            assert marker.color.a == 1
            assert marker.lifetime.sec > 0
            assert max(marker.scale.x, marker.scale.y, marker.scale.z) > 0
        bench.client.forget.publish(String(data="1"))
        wait_until(lambda: not bench.session.health().statuses, "1 to be forgotten")
        assert markers_of(bench, bench.client.send(2)) == {}
        bench.started(2)
        assert markers_of(bench, bench.client.send(3))


def test_without_a_calibration_nothing_is_drawn_in_space() -> None:
    with NodeBench() as bench:
        bench.started(0)
        listening(bench)
        assert markers_of(bench, bench.client.send(1)) == {}
        bench.assert_tracks(2)


def test_markers_are_made_only_while_someone_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def counted(*arguments: Any) -> MarkerArray:
        made.append(arguments)
        return build_markers(*arguments)

    monkeypatch.setattr("siammask_ros.ros.tracking_io.publishers.build_markers", counted)
    with NodeBench() as bench:
        bench.started(0)
        bench.assert_tracks(1)
        bench.assert_tracks(2)
        assert not made
        listening(bench)
        bench.assert_tracks(3)
        wait_until(lambda: made, "markers for who listens")


def test_a_failure_in_drawing_costs_no_track(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: Any) -> MarkerArray:
        raise RuntimeError("injected")

    with NodeBench() as bench:
        bench.started(0)
        listening(bench)
        with monkeypatch.context() as patch:
            patch.setattr("siammask_ros.ros.tracking_io.publishers.build_markers", broken)
            bench.assert_tracks(1)
            wait_until(lambda: bench.node._guard.caught["draw"] == 1, "it to be counted")
        markers_of(bench, bench.client.send(2))
        bench.assert_tracks(3)


def test_rviz_is_set_up_for_topics_that_the_node_has() -> None:
    displays = yaml.safe_load(RVIZ.read_text())["Visualization Manager"]["Displays"]
    shown = {item["Topic"]["Value"]: TYPES[item["Class"]] for item in displays if "Topic" in item}
    assert sorted(shown) == [f"{NODE}/{name}" for name in ("markers", "mask", "overlay")]
    with NodeBench(active=False) as bench:
        published = dict(bench.node.get_topic_names_and_types())
        for topic, kind in shown.items():
            assert published[topic] == [kind]
            (publisher,) = bench.node.get_publishers_info_by_topic(topic)
            assert publisher.qos_profile.reliability.name == "RELIABLE"
