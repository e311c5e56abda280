"""Rows A1, A14 and A15 at the node: what cameras publish is tracked, with or without cv_bridge."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from sensor_msgs.msg import Image
from support.encoded_images import grey_of, image_fields
from support.moving_square import picture, square_box
from support.node_bench import NODE, NodeBench, assert_on_square
from support.session_bench import wait_until

from siammask_ros.media.image_messages import RefusedImage
from siammask_ros.ros.tracking_io import conversions
from siammask_ros.session import Session

LIMIT_PX = 1000
# On a busy machine a box may come later than the second that an image is kept by default.
HISTORY_S = 10.0


def message(index: int, encoding: str) -> Image:
    fields = image_fields(picture(index), encoding)
    return Image(**{**fields, "data": array("B", fields["data"].tobytes())})


def thermal(index: int) -> Image:
    """14 bits as a thermal camera fills them: 7200 to 7900."""
    levels = (7200 + grey_of(picture(index)).astype(float) * 700 / 161).astype("<u2")
    of_camera = message(index, "mono16")
    of_camera.data = array("B", levels.tobytes())
    return of_camera


def knows_target(session: Session) -> bool:
    return "1" in session.health().statuses


def assert_square_is_tracked(bench: NodeBench, images: list[Image]) -> None:
    for index, each in enumerate(images):
        each.header = bench.client.header()
        bench.client.images.publish(each)
        answer = bench.client.of_stamp(f"{NODE}/tracks", each.header)
        if index == 0:
            bench.client.send_box(square_box(0), "1", each.header)
            session = bench.session
            assert session is not None
            wait_until(partial(knows_target, session), "the target to be known")
        else:
            assert_on_square(answer, index)


@pytest.mark.parametrize("encoding", ["yuv422_yuy2", "nv12", "bayer_rggb8", "rgb16", "8UC3"])
def test_a14_the_node_tracks_what_ordinary_cameras_publish(encoding: str) -> None:
    with NodeBench(history_s=HISTORY_S) as bench:
        assert_square_is_tracked(bench, [message(index, encoding) for index in range(4)])
        assert not bench.session.health().refused


def test_a15_the_node_tracks_in_the_images_of_a_thermal_camera() -> None:
    with NodeBench(history_s=HISTORY_S) as bench:
        assert_square_is_tracked(bench, [thermal(index) for index in range(4)])


@pytest.fixture
def prefix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A prefix in which ROS 2 has installed a cv_bridge; its Python part is up to the test."""
    marker = tmp_path / "share" / "ament_index" / "resource_index" / "packages" / "cv_bridge"
    marker.parent.mkdir(parents=True)
    marker.touch()
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path / "python"))
    (tmp_path / "python" / "cv_bridge").mkdir(parents=True)
    monkeypatch.delitem(sys.modules, "cv_bridge", raising=False)
    conversions._cv_bridge.cache_clear()
    yield tmp_path / "python" / "cv_bridge"
    sys.modules.pop("cv_bridge", None)
    conversions._cv_bridge.cache_clear()


def refusal() -> str:
    with pytest.raises(RefusedImage) as error:
        conversions.image_to_bgr(message_of_floats(), LIMIT_PX)
    assert error.value.kind == "encoding"
    return str(error.value)


def message_of_floats() -> Image:
    values = np.zeros((4, 6, 3), np.float32)
    return Image(height=4, width=6, encoding="32FC3", step=72, data=array("B", values.tobytes()))


def test_a1_without_cv_bridge_an_unknown_encoding_is_refused_saying_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(tmp_path))
    conversions._cv_bridge.cache_clear()
    assert "not installed (sudo apt install ros-$ROS_DISTRO-cv-bridge)" in refusal()
    conversions._cv_bridge.cache_clear()


@pytest.mark.parametrize("breaks_in", ["module", "library"])
def test_a1_a_cv_bridge_that_does_not_work_counts_as_absent(prefix: Path, breaks_in: str) -> None:
    broken = 'raise AttributeError("_ARRAY_API not found")\n'
    late = "class CvBridge:\n    def encoding_to_dtype_with_channels(self, encoding):\n        "
    (prefix / "__init__.py").write_text(broken if breaks_in == "module" else late + broken)
    said = refusal()
    assert "does not work here (_ARRAY_API not found)" in said
    assert "expected one of: bgr8" in said
    assert conversions.image_to_bgr(message(0, "bayer_rggb8"), LIMIT_PX).shape == (240, 320, 3)


def test_a1_a_cv_bridge_that_works_is_asked_for_what_we_do_not_read(prefix: Path) -> None:
    (prefix / "__init__.py").write_text(
        "import numpy as np\n"
        "class CvBridge:\n"
        "    def encoding_to_dtype_with_channels(self, encoding):\n"
        "        if encoding not in ('bgr8', '32FC3'):\n"
        "            raise TypeError(f'Unrecognized image encoding [{encoding}]')\n"
        "        return ('float32', 3)\n"
        "    def imgmsg_to_cv2(self, message, encoding):\n"
        "        assert encoding == 'bgr8'\n"
        "        return np.full((message.height, message.width, 3), 9, np.uint8)\n"
    )
    read = conversions.image_to_bgr(message_of_floats(), LIMIT_PX)
    assert read.shape == (4, 6, 3)
    assert not read.flags.writeable
    short = message_of_floats()
    short.step = 71
    with pytest.raises(RefusedImage, match="step 71 is shorter than a row of 72 bytes"):
        conversions.image_to_bgr(short, LIMIT_PX)
    other = message_of_floats()
    other.encoding = "nonsense"
    with pytest.raises(RefusedImage, match=r"expected one of: bgr8.*does not know it"):
        conversions.image_to_bgr(other, LIMIT_PX)
