"""Which class an object has: a table for known videos, and the labels of the training stills.

A class is a common noun such as "person"; objects of one class are each other's distractors.
"""

from __future__ import annotations

GROUPS = ("person", "animal", "vehicle", "other")

_GROUP_BY_CLASS = {
    label: group
    for group, labels in {
        "person": "person",
        "animal": (
            "bear bird camel cat cow dog elephant giraffe goat horse monkey rhino sheep zebra"
        ),
        "vehicle": "aeroplane bicycle boat bus car motorbike scooter soapbox train truck",
    }.items()
    for label in labels.split()
}

_CLASS_BY_VIDEO = {
    name: label
    for label, names in {
        "bear": "bear",
        "bicycle": "segtrack_bmx",
        "bird": "blackswan flamingo mallard-fly mallard-water ytvos_samples_003234408d",
        "boat": "boat",
        "bus": "bus",
        "camel": "camel",
        "car": "car-roundabout car-shadow car-turn drift-chicane drift-straight drift-turn",
        "cow": "cows",
        "dog": "dog dog-agility libby",
        "elephant": "elephant",
        "goat": "goat",
        "monkey": "ytvos_samples_f635e9568b_2",
        "motorbike": "motocross-bumps motocross-jump motorbike",
        "person": (
            "bmx-bumps bmx-trees breakdance breakdance-flare dance-jump dance-twirl hike hockey "
            "horsejump-high horsejump-low kite-surf kite-walk lucia paragliding "
            "paragliding-launch parkour rollerblade stroller surf swing tennis "
            "davis2017_train_schoolgirls segtrack_girl ytvos_samples_6b928b7ba6_1"
        ),
        "rhino": "rhino",
        "scooter": "scooter-black scooter-gray",
        "soapbox": "soapbox",
        "ball": "soccerball",
        "train": "train",
        "aeroplane": "segtrack_yto_aeroplane_001",
    }.items()
    for name in names.split()
}

_VOC_CLASSES = (
    "aeroplane bicycle bird boat bottle bus car cat chair cow table dog horse motorbike person "
    "plant sheep sofa train screen"
)
_COCO_CLASSES = {
    1: "person",
    2: "bicycle",
    3: "car",
    4: "motorbike",
    5: "aeroplane",
    6: "bus",
    7: "train",
    8: "truck",
    9: "boat",
    16: "bird",
    17: "cat",
    18: "dog",
    19: "horse",
    20: "sheep",
    21: "cow",
    22: "elephant",
    23: "bear",
    24: "zebra",
    25: "giraffe",
}
_CLASS_BY_LABEL = {
    **{f"voc-{number}": label for number, label in enumerate(_VOC_CLASSES.split(), start=1)},
    **{f"coco-{number}": label for number, label in _COCO_CLASSES.items()},
    "cats": "cat",
    "cows": "cow",
    "horses": "horse",
    "street_fashion": "person",
}


def class_of_video(name: str) -> str:
    """Return the class of the target of a video or of VIDEO/OBJECT; "" for an unknown video."""
    return _CLASS_BY_VIDEO.get(name.partition("/")[0], "")


def class_of_label(label: str) -> str:
    """Return the class for the label of a still (``voc-15``, ``cats``); "" for an unknown one."""
    return _CLASS_BY_LABEL.get(label, "")


def group_of_class(label: str) -> str:
    """Return which of GROUPS a class belongs to."""
    return _GROUP_BY_CLASS.get(label, "other")
