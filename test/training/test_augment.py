"""Pairs: crops, boxes and masks agree, and what is drawn follows its configuration."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from support.small_data import BALL_BGR, clips_of, write_coco, write_davis, write_ecssd, write_voc

from siammask_ros.errors import ConfigError, DataError
from siammask_ros.training import augment, paste
from siammask_ros.training.pair_config import PairConfig
from siammask_ros.training.pairs import Pair, PairDataset, PairSampler
from siammask_ros.training.sample_grid import draw_sample_grid

PLAIN = PairConfig(
    **{entry.name: 0.0 for entry in fields(PairConfig) if entry.name.endswith("_share")},
    **dict.fromkeys(("brightness", "contrast", "saturation", "hue_deg", "channel_offset"), 0.0),
)
INDICES = range(24)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write_davis(folder, "ball")
    write_davis(folder, "other")
    write_ecssd(folder)
    write_voc(folder)
    write_coco(folder)
    return folder


def pairs(root: Path, config: PairConfig, *sources: str) -> list[Pair]:
    clips = clips_of(root, *sources)
    sampler = PairSampler(clips, config, seed=3)
    return [sampler.at(index) for index in INDICES]


def tight_box_xyxy(mask: np.ndarray) -> np.ndarray:
    ys, xs = np.nonzero(mask == 1)
    return np.array([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1])


@pytest.mark.parametrize("source", ["davis", "ecssd", "voc", "coco"])
def test_the_box_is_the_box_of_the_mask_when_nothing_is_pasted(root: Path, source: str) -> None:
    config = replace(PLAIN, search_shift_px=40, flip_share=0.5, video_share=1.0)
    for pair in pairs(root, config, source):
        assert pair.positive
        assert np.abs(tight_box_xyxy(pair.mask) - pair.box_xyxy).max() <= 2


def test_the_mask_lies_on_the_object_to_the_pixel(root: Path) -> None:
    config = replace(PLAIN, video_share=1.0, flip_share=0.5)
    for pair in pairs(root, config, "davis"):
        coloured = np.abs(pair.search.astype(int) - BALL_BGR).sum(2) < 200
        either = np.count_nonzero(coloured | (pair.mask == 1))
        both = np.count_nonzero(coloured & (pair.mask == 1))
        assert both / either > 0.97


def test_without_shift_and_scale_the_target_is_in_the_middle_at_the_template_s_size(
    root: Path,
) -> None:
    ranges = ("template_shift_px", "template_scale", "search_shift_px", "search_scale")
    still = dict.fromkeys((*ranges, "search_aspect", "still_rotation_deg"), 0.0)
    for pair in pairs(root, replace(PLAIN, **still), "coco"):
        assert np.allclose(pair.box_xyxy.reshape(2, 2).mean(0), 127.5, atol=1)
        # A square's context square is twice its side.
        assert np.allclose(pair.box_xyxy[2:] - pair.box_xyxy[:2], 127 / 2, atol=2)
        middle = pair.search[64:191, 64:191].astype(int)
        assert np.abs(middle - pair.template).mean() < 2


def test_the_target_stays_within_the_configured_shift(root: Path) -> None:
    centers = np.array([p.box_xyxy.reshape(2, 2).mean(0) for p in pairs(root, PLAIN, "ecssd")])
    offsets = np.abs(centers - 127.5)
    assert offsets.max() <= PLAIN.search_shift_px + 3
    assert offsets.max() > PLAIN.search_shift_px / 2


def test_a_small_motion_moves_the_target_by_its_share_of_the_range(root: Path) -> None:
    config = replace(PLAIN, search_shift_px=40, small_motion_share=1.0, small_motion=0.25)
    for pair in pairs(root, config):
        x0, y0, x1, y1 = pair.box_xyxy
        middle = np.array([(x0 + x1) / 2, (y0 + y1) / 2])
        assert np.abs(middle - 127.5).max() <= 10 + 0.01


def test_a_bent_object_keeps_its_mask_and_its_box(root: Path) -> None:
    config = replace(PLAIN, still_deform_share=1.0, deform_max=0.3, video_share=1.0)
    straight = pairs(root, replace(config, still_deform_share=0.0), "ecssd")
    bent = pairs(root, config, "ecssd")
    assert np.mean([np.mean(a.mask != b.mask) for a, b in zip(straight, bent, strict=True)]) > 0.01
    for pair in bent:
        assert np.abs(tight_box_xyxy(pair.mask) - pair.box_xyxy).max() <= 4
        coloured = np.abs(pair.search.astype(int) - BALL_BGR).sum(2) < 200
        either = np.count_nonzero(coloured | (pair.mask == 1))
        assert np.count_nonzero(coloured & (pair.mask == 1)) / either > 0.95


def test_points_move_as_the_picture_does() -> None:
    field = augment.draw_displacement(64, 3.0, np.random.default_rng(2))
    crop = np.zeros((64, 64), np.uint8)
    crop[30:34, 20:24] = 255
    moved = augment.deform(crop, field, (0.0,))
    ys, xs = np.nonzero(moved > 127)
    where = augment.deform_points(np.array([[22, 32]], np.float32), field)[0]
    np.testing.assert_allclose(where, [xs.mean() + 0.5, ys.mean() + 0.5], atol=1.0)


def test_around_a_look_alike_the_target_is_labelled_where_it_is_or_not_at_all(root: Path) -> None:
    # Two balls in one image: the search crop is around the other one.
    config = replace(PLAIN, same_image_share=1.0, search_shift_px=0)
    drawn = pairs(root, config, "voc")
    assert {pair.positive for pair in drawn} == {True}
    for pair in drawn:
        x0, _, x1, _ = pair.box_xyxy
        assert abs((x0 + x1) / 2 - 127.5) > 20, "the target is not in the middle"
        inside = np.clip(pair.box_xyxy, 0, 255)
        assert np.abs(tight_box_xyxy(pair.mask) - inside).max() <= 3
        assert pair.mask[127, 127] == -1, "the distractor in the middle is background"


def test_a_motion_blur_goes_along_the_motion() -> None:
    crop = np.zeros((41, 41, 3), np.uint8)
    crop[20, 20] = 255
    config = replace(PLAIN, blur_share=1.0)
    seen = 0
    for seed in range(40):
        blurred = augment.degrade(crop, config, np.random.default_rng(seed), (30.0, 0.0))[..., 0]
        rows, columns = np.nonzero(blurred)
        if len(np.unique(rows)) == 1:
            seen += 1
            assert len(np.unique(columns)) >= 3
    assert seen >= 10, "half of the blurs are by motion"


def test_a_source_s_weight_is_how_often_its_objects_are_drawn(root: Path) -> None:
    clips = [
        replace(clip, weight=9.0 if clip.source == "voc" else 1.0)
        for clip in clips_of(root, "voc", "ecssd")
    ]
    sampler = PairSampler(clips, PLAIN, seed=1)
    rng = np.random.default_rng(0)
    drawn = [sampler._draw_clip(rng).source for _ in range(2000)]
    # Two objects of weight 9 against three of weight 1.
    assert abs(drawn.count("voc") / 2000 - 18 / 21) < 0.03


def test_the_same_seed_and_index_give_the_same_pair(root: Path) -> None:
    clips = clips_of(root)
    once, again = (PairSampler(clips, PairConfig(), seed=5) for _ in range(2))
    for index in (7, 3, 11):
        first, second = once.at(index), again.at(index)
        assert np.array_equal(first.template, second.template)
        assert np.array_equal(first.search, second.search)
        assert np.array_equal(first.mask, second.mask)
        assert np.array_equal(first.box_xyxy, second.box_xyxy)


def test_another_seed_gives_another_pair(root: Path) -> None:
    clips = clips_of(root)
    first, second = (PairSampler(clips, PairConfig(), seed=seed).at(0) for seed in (1, 2))
    assert not np.array_equal(first.search, second.search)


def test_shapes_types_and_labels_of_every_pair(root: Path) -> None:
    for pair in pairs(root, PairConfig()):
        assert pair.template.shape == (127, 127, 3) and pair.template.dtype == np.uint8
        assert pair.search.shape == (255, 255, 3) and pair.search.dtype == np.uint8
        assert pair.mask.shape == (255, 255) and pair.mask.dtype == np.int8
        assert set(np.unique(pair.mask)) <= {-1, 0, 1}
        assert pair.box_xyxy.shape == (4,) and pair.box_xyxy.dtype == np.float32


def test_a_negative_pair_has_no_target(root: Path) -> None:
    for pair in pairs(root, replace(PairConfig(), negative_share=1.0)):
        assert not pair.positive
        assert np.all(pair.mask == -1)
        assert np.all(pair.box_xyxy == 0)


def test_a_negative_pair_needs_a_second_picture(root: Path) -> None:
    clips = clips_of(root, "coco")
    with pytest.raises(DataError, match="negative pairs need"):
        PairSampler(clips, replace(PLAIN, negative_share=1.0)).at(0)


def test_void_is_not_judged(root: Path) -> None:
    assert all(np.any(pair.mask == 0) for pair in pairs(root, PLAIN, "voc"))
    assert not any(np.any(pair.mask == 0) for pair in pairs(root, PLAIN, "ecssd"))


def test_what_an_object_hides_is_background_and_the_box_stays_whole(root: Path) -> None:
    over = replace(PLAIN, paste_share=1.0, paste_over_share=1.0, paste_max_size=0.9)
    hidden_shares = []
    for plain, occluded in zip(
        pairs(root, PLAIN, "ecssd"), pairs(root, over, "ecssd"), strict=True
    ):
        hidden = (plain.mask == 1) & (occluded.mask == -1)
        untouched = np.all(plain.search == occluded.search, axis=2)
        # The grain of two objects may agree in a pixel, but hardly ever does.
        assert np.count_nonzero(hidden & untouched) <= 0.01 * np.count_nonzero(hidden)
        assert np.array_equal(plain.box_xyxy, occluded.box_xyxy)
        hidden_shares.append(hidden.sum() / (plain.mask == 1).sum())
    assert max(hidden_shares) > 0.1


def test_what_stands_behind_hides_nothing(root: Path) -> None:
    behind = replace(PLAIN, paste_share=1.0, paste_behind_share=1.0)
    changed = 0
    for plain, paste_cutout in zip(
        pairs(root, PLAIN, "ecssd"), pairs(root, behind, "ecssd"), strict=True
    ):
        assert np.array_equal(plain.mask, paste_cutout.mask)
        target = plain.mask == 1
        assert np.array_equal(plain.search[target], paste_cutout.search[target])
        changed += int(np.any(plain.search != paste_cutout.search))
    assert changed > len(INDICES) / 2


def test_a_target_on_another_background_keeps_its_colour_and_its_box(root: Path) -> None:
    moved = replace(PLAIN, still_background_share=1.0)
    for pair in pairs(root, moved, "coco"):
        target_bgr = pair.search[pair.mask == 1].mean(0)
        assert np.abs(target_bgr - BALL_BGR).max() < 25
        assert np.abs(tight_box_xyxy(pair.mask) - pair.box_xyxy).max() <= 2


def test_a_pair_whose_target_cannot_be_seen_is_never_given(root: Path) -> None:
    config = replace(PLAIN, paste_share=1.0, paste_over_share=1.0, min_visible_share=0.8)
    for pair in pairs(root, config, "ecssd"):
        x0, y0, x1, y1 = pair.box_xyxy
        # An ellipse fills π/4 of its box at most, less where it is turned.
        assert (pair.mask == 1).sum() > 0.8 * 0.5 * (x1 - x0) * (y1 - y0)
    with pytest.raises(DataError, match="min_visible"):
        pairs(root, replace(PLAIN, min_visible_px=65025), "ecssd")


def test_grey_pairs_have_no_colour(root: Path) -> None:
    for pair in pairs(root, replace(PLAIN, grey_share=1.0, saturation=0.4)):
        for crop in (pair.template, pair.search):
            assert np.ptp(crop.astype(int), axis=2).max() <= 1


def test_no_clips_are_refused() -> None:
    with pytest.raises(DataError, match="no objects to train on"):
        PairSampler([])


def test_the_dataset_gives_tensors_and_ends_at_its_length(root: Path) -> None:
    sampler = PairSampler(clips_of(root), PairConfig(), seed=1)
    dataset = PairDataset(sampler, length=3)
    item = dataset[2]
    assert item["template"].shape == (3, 127, 127) and item["template"].dtype == torch.uint8
    assert item["search"].shape == (3, 255, 255) and item["search"].dtype == torch.uint8
    assert item["mask"].shape == (255, 255) and item["mask"].dtype == torch.int8
    assert item["box_xyxy"].shape == (4,) and item["box_xyxy"].dtype == torch.float32
    assert item["positive"].dtype == torch.bool
    pair = sampler.at(2)
    assert np.array_equal(item["search"].numpy().transpose(1, 2, 0), pair.search)
    with pytest.raises(IndexError):
        dataset[3]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("negative_share", 1.5, id="share above one"),
        pytest.param("max_gap_frames", 0, id="no gap"),
        pytest.param("search_scale", -0.1, id="negative range"),
        pytest.param("hue_deg", float("nan"), id="not a number"),
        pytest.param("paste_min_size", 2.0, id="smallest above largest"),
    ],
)
def test_a_setting_outside_its_range_is_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=name):
        PairConfig(**{name: value})


def test_an_affine_maps_its_centre_and_scales_about_it() -> None:
    affine = augment.crop_affine((30, 20), (100, 50), (2, 3), flip=True)
    points = np.array([[30, 20], [31, 21]], np.float32)
    assert np.allclose(augment.apply_affine(affine, points), [[100, 50], [98, 53]])


def test_a_crop_of_the_whole_picture_is_the_picture() -> None:
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    affine = augment.crop_affine((32, 32), (32, 32), (1, 1))
    assert np.array_equal(augment.warp(image, affine, 64), image)
    ground = np.zeros_like(image)
    assert np.array_equal(augment.warp_onto(ground, image, affine), image)
    assert not ground.any(), "the ground given must not be written to"


def test_a_crop_at_half_the_size_is_the_mean_of_two_by_two_pixels() -> None:
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    affine = augment.crop_affine((32, 32), (16, 16), (0.5, 0.5))
    means = image.reshape(32, 2, 32, 2, 3).mean((1, 3))
    assert np.abs(augment.warp(image, affine, 32) - means).max() <= 1


def test_chained_colour_changes_are_one_after_the_other() -> None:
    rng = np.random.default_rng(1)
    first, second = (augment.draw_colour_transform(PairConfig(), rng, 0.3) for _ in range(2))
    colours = rng.uniform(90, 160, (20, 3))
    at_once = augment.compose(first, second)
    stepwise = (colours @ first[:, :3].T + first[:, 3]) @ second[:, :3].T + second[:, 3]
    assert np.allclose(colours @ at_once[:, :3].T + at_once[:, 3], stepwise)


def test_a_hue_turn_leaves_grey_alone() -> None:
    config = replace(PLAIN, hue_deg=120.0, saturation=1.0)
    change = augment.draw_colour_transform(config, np.random.default_rng(2), 1.0)
    assert np.allclose(change @ (80, 80, 80, 1), 80)
    assert not np.allclose(change @ (200, 80, 20, 1), (200, 80, 20), atol=5)


def test_a_feathered_edge_never_leaves_the_object() -> None:
    cover = np.zeros((40, 40), np.uint8)
    cover[10:30, 10:30] = 255
    soft = paste.feather(cover)
    assert not np.any(soft[cover == 0])
    assert np.all(soft[14:26, 14:26] == 255)
    assert np.any((soft > 0) & (soft < 255))


def test_a_contact_sheet_holds_every_pair_and_shows_the_mask(root: Path) -> None:
    drawn = pairs(root, PLAIN, "ecssd")[:5]
    sheet = draw_sample_grid(drawn, columns=2)
    assert sheet.shape == (3 * 255, 2 * (127 + 255), 3)
    assert np.array_equal(sheet[:127, :127], drawn[0].template)
    target = drawn[0].mask == 1
    cell = sheet[:255, 127:382]
    assert np.all(cell[target][:, 2].astype(int) >= drawn[0].search[target][:, 2] * 0.7 - 1)
    assert np.any(cell[target] != drawn[0].search[target])


def test_an_empty_contact_sheet_is_one_blank_cell() -> None:
    assert not draw_sample_grid([]).any()
