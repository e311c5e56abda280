"""Rows C5, C7, D1, G1 to G6 and G9 over real ROS 2: changes are all or nothing."""

from __future__ import annotations

import math
import threading
import time
import weakref
from typing import Any

import pytest
from support.fake_engine import FakeEngine
from support.node_bench import NODE, NodeBench
from support.session_bench import wait_until

from siammask_ros.errors import CheckpointError, EngineError
from siammask_ros.ros.nodes import tracker_parameters as parameters_module

ERROR, WARN = 2, 1


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        pytest.param("size_rate", math.nan, ("size_rate", "nan"), id="nan"),
        pytest.param("size_rate", 1.5, ("size_rate", "1.5", "Max: 1.0"), id="too-large"),
        pytest.param("max_targets", 0, ("max_targets", "0", "Min: 1"), id="too-small"),
        pytest.param("size_rate", "fast", ("size_rate", "'fast'", "from 0 to 1"), id="text"),
        pytest.param("max_targets", 2.5, ("Wrong parameter type",), id="no-whole-number"),
        pytest.param("lost_score", 0.99, ("lost_score", "0.99", "tracking_score"), id="crossed"),
        pytest.param("autostart", True, ("read-only",), id="start-only"),
    ],
)
def test_g2_an_illegal_value_is_refused_with_name_value_and_range(
    name: str, value: Any, words: tuple[str, ...]
) -> None:
    with NodeBench() as bench:
        bench.started(0)
        before = bench.node._own_parameters.settings
        (answer,) = bench.client.set_parameters(**{name: value})
        assert not answer.successful
        for word in words:
            assert word in answer.reason
        assert bench.node._own_parameters.settings == before
        assert bench.assert_tracks(1).config_serial == 1


def test_g2_a_parameter_cannot_be_taken_away() -> None:
    with NodeBench() as bench:
        bench.started(0)
        (answer,) = bench.client.set_parameters(size_rate=None)
        assert not answer.successful
        assert "size_rate is None" in answer.reason
        bench.assert_tracks(1)


def test_g2_a_legal_value_counts_from_the_next_frame_on() -> None:
    with NodeBench() as bench:
        bench.started(0)
        assert bench.assert_tracks(1).config_serial == 1
        (answer,) = bench.client.set_parameters(size_rate=1)
        assert answer.successful, answer.reason
        assert bench.node._own_parameters.settings.tracker.size_rate == 1.0
        assert bench.assert_tracks(2).config_serial == 2


def test_g3_a_bug_in_the_check_refuses_and_the_node_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    with NodeBench() as bench:
        bench.started(0)
        with monkeypatch.context() as patch:
            patch.setattr(parameters_module.Settings, "of", _broken)
            (answer,) = bench.client.set_parameters(size_rate=0.5)
        assert not answer.successful
        assert answer.reason == "internal error, nothing was changed: KeyError: 'bug'"
        assert bench.node._guard.caught["validate"] == 1
        bench.client.wait_for_status("inference", WARN, "no image was processed")
        bench.assert_tracks(1)
        (answer,) = bench.client.set_parameters(size_rate=0.5)
        assert answer.successful


def test_g4_of_a_good_and_a_bad_value_the_good_one_is_taken_or_atomically_none() -> None:
    with NodeBench() as bench:
        bench.started(0)
        values = {"size_rate": 0.5, "window_influence": 7.0}
        answers = bench.client.set_parameters(**values)
        assert [answer.successful for answer in answers] == [True, False]
        assert bench.node._own_parameters.settings.tracker.size_rate == 0.5
        values["size_rate"] = 0.25
        (answer,) = bench.client.set_parameters(atomically=True, **values)
        assert not answer.successful
        assert bench.node._own_parameters.settings.tracker.size_rate == 0.5
        assert bench.assert_tracks(1).config_serial == 2


def test_g4_rules_between_fields_hold_after_each_value_and_can_be_met_atomically() -> None:
    with NodeBench() as bench:
        bench.started(0)
        bench.client.set_parameters(tracking_score=0.5, lost_score=0.2)
        answers = bench.client.set_parameters(lost_score=0.8, tracking_score=0.9)
        assert [answer.successful for answer in answers] == [False, True]
        both = bench.client.set_parameters(atomically=True, lost_score=0.1, tracking_score=0.15)
        assert both[0].successful, both[0].reason
        tracker = bench.node._own_parameters.settings.tracker
        assert (tracker.lost_score, tracker.tracking_score) == (0.1, 0.15)
        bench.assert_tracks(1)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        pytest.param(EngineError("pip install openvino"), "pip install openvino", id="c5"),
        pytest.param(CheckpointError("/no/such.pth is missing"), "/no/such.pth", id="d1"),
        pytest.param(RuntimeError("a bug"), "RuntimeError: a bug", id="g5"),
    ],
)
def test_c5_d1_g5_configure_fails_with_the_reason_and_works_once_the_cause_is_mended(
    error: Exception, words: str
) -> None:
    engine, errors = FakeEngine(), [error]

    def open_engine(config: Any) -> FakeEngine:
        if errors:
            raise errors.pop()
        return engine

    with NodeBench(engine, active=False, open_engine=open_engine) as bench:
        assert not bench.client.change_state("configure")
        status = bench.client.wait_for_status("inference", ERROR, "configure failed")
        assert words in status.message
        bench.activate()
        bench.started(0)
        bench.assert_tracks(1)


def test_g5_activate_fails_with_the_reason_and_works_once_the_cause_is_mended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with NodeBench(active=False) as bench:
        assert bench.client.change_state("configure")
        with monkeypatch.context() as patch:
            patch.setattr(bench.node, "create_subscription", _broken)
            assert not bench.client.change_state("activate")
        bench.client.wait_for_status("inference", ERROR, "activate failed: KeyError: 'bug'")
        assert bench.node._pipeline is None
        assert bench.client.change_state("activate")
        bench.wait_for_topics()
        bench.started(0)
        bench.assert_tracks(1)


def test_g6_a_transition_that_the_state_does_not_have_is_refused_and_the_node_lives() -> None:
    with NodeBench(active=False) as bench:
        for transition in ("activate", "deactivate", "cleanup"):
            assert not bench.client.change_state(transition), transition
        bench.activate()
        for transition in ("configure", "activate", "cleanup"):
            assert not bench.client.change_state(transition), transition
        assert not bench.node._guard.caught, "a refusal is no bug"
        bench.started(0)
        bench.assert_tracks(1)


def test_g6_a_hundred_rounds_leave_no_thread_and_no_subscription_behind() -> None:
    with NodeBench() as bench:
        node = bench.node
        threads = our_threads()
        subscriptions = len(list(node.subscriptions))
        for _ in range(100):
            node.trigger_deactivate()
            node.trigger_cleanup()
            node.trigger_configure()
            node.trigger_activate()
        assert our_threads() == threads
        assert len(list(node.subscriptions)) == subscriptions
        bench.wait_for_topics()
        bench.started(0)
        assert bench.assert_tracks(1).config_serial == 101


def test_g9_a_parameter_that_needs_a_reload_is_refused_while_active_and_taken_up_later() -> None:
    opened = []

    def open_engine(config: Any) -> FakeEngine:
        opened.append(config.threads)
        return FakeEngine()

    with NodeBench(open_engine=open_engine) as bench:
        bench.started(0)
        (answer,) = bench.client.set_parameters(threads=1)
        assert not answer.successful
        assert answer.reason == "threads cannot change while active: deactivate first"
        bench.assert_tracks(1)
        assert bench.client.change_state("deactivate")
        (answer,) = bench.client.set_parameters(threads=1)
        assert answer.successful
        assert bench.client.change_state("activate")
        assert opened == [0, 1]
        bench.wait_for_topics()
        bench.started(2)
        bench.assert_tracks(3)


def test_c7_c11_deactivate_returns_although_the_engine_hangs_which_is_not_used_again() -> None:
    engines: list[FakeEngine] = []

    def open_engine(config: Any) -> FakeEngine:
        engines.append(FakeEngine())
        return engines[-1]

    with NodeBench(open_engine=open_engine, inference_timeout_s=0.3) as bench:
        bench.started(0)
        bench.assert_tracks(1)
        (left_behind,) = engines
        left_behind.script.append("hang")
        bench.client.send(2)
        bench.client.wait_for_status("inference", ERROR, "the current inference has been running")
        assert bench.client.reset().success
        began_s = time.monotonic()
        assert bench.client.change_state("deactivate")
        assert time.monotonic() - began_s < 3, "2 s, and the service's own way"
        assert left_behind.is_abandoned
        assert bench.client.change_state("activate")
        bench.wait_for_topics()
        bench.started(3)
        asked = len(left_behind.batches)
        left_behind.released.set()
        bench.assert_tracks(4)
        assert len(engines) == 2
        assert not engines[1].is_abandoned
        assert len(left_behind.batches) == asked


def test_c10_an_engine_that_refers_to_itself_is_freed_by_cleanup() -> None:
    engines: list[Any] = []

    def open_engine(config: Any) -> FakeEngine:
        engine = FakeEngine()
        engine.itself = engine  # type: ignore[attr-defined]
        engines.append(weakref.ref(engine))
        return engine

    with NodeBench(open_engine=open_engine) as bench:
        bench.started(0)
        bench.assert_tracks(1)
        assert bench.client.change_state("deactivate")
        assert bench.client.change_state("cleanup")
        wait_until(lambda: engines[0]() is None, "the engine to be freed")
        bench.activate()
        bench.started(2)
        bench.assert_tracks(3)
        assert len(engines) == 2


def test_g1_parameters_set_while_frames_are_in_flight_never_mix() -> None:
    """mask_threshold 1 leaves the mask empty: the mask tells which configuration made it."""
    with NodeBench() as bench:
        bench.started(0)
        areas: dict[int, bool] = {1: True}
        for index in range(1, 60):
            # The square all but stands: however many images are passed over, it is seen.
            bench.client.send(index % 2)
            is_empty = bool(index % 2)
            (answer,) = bench.client.set_parameters(mask_threshold=1.0 if is_empty else 0.3)
            assert answer.successful
            areas[index + 1] = not is_empty
        wait_until(lambda: len(bench.client.heard[f"{NODE}/tracks"]) > 20, "answers")
        for message in bench.client.heard[f"{NODE}/tracks"]:
            for track in message.tracks:
                if track.state == track.TRACKING:
                    assert (track.mask_area > 0) == areas[message.config_serial]
        bench.client.set_parameters(mask_threshold=0.4)
        bench.started(1, "2")
        bench.assert_tracks(2, "2")


def our_threads() -> list[str]:
    """Names of the threads that the node started; the executor starts its own when needed."""
    return sorted(t.name for t in threading.enumerate() if t.name.startswith("siammask"))


def _broken(*arguments: Any, **named: Any) -> Any:
    raise KeyError("bug")


def test_g9_the_nodes_own_values_can_be_set_again_while_it_is_active() -> None:
    with NodeBench(max_targets=3) as bench:
        node, client = bench.node, bench.client
        own = {name: parameter.value for name, parameter in node._parameters.items()}
        assert {"model", "autostart", "image_transport", "max_targets"} <= own.keys()
        for answer in client.set_parameters(**own):
            assert answer.successful, answer.reason
        (answer,) = client.set_parameters(atomically=True, **own)
        assert answer.successful, answer.reason
        (answer,) = client.set_parameters(atomically=True, **{**own, "model": "resnet50"})
        assert answer.reason == "model cannot change while active: deactivate first"
        (answer,) = client.set_parameters(autostart=not own["autostart"])
        assert not answer.successful
        (answer,) = client.set_parameters(atomically=True, **{**own, "max_targets": 5})
        assert answer.successful
        assert node._own_parameters.settings.session.max_targets == 5
        bench.started(0)
        bench.assert_tracks(1)


def test_a_node_that_configures_itself_does_not_ask_for_the_transition() -> None:
    may_open = threading.Event()

    def open_engine(config: Any) -> FakeEngine:
        assert may_open.wait(60)
        return FakeEngine()

    with NodeBench(active=False, open_engine=open_engine) as bench:
        starting = threading.Thread(target=bench.node.autostart)
        starting.start()
        try:
            bench.client.wait_for_status(
                "image stream", WARN, "node is unconfigured: configure is in progress", 60
            )
        finally:
            may_open.set()
            starting.join()
        bench.wait_for_topics()
        bench.started(0)
        bench.assert_tracks(1)
