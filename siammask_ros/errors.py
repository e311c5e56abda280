"""What can go wrong because of an input, a file or the machine, and not because of our code.

Every message says what was wrong, what was expected and what to do about it.
"""


class SiamMaskError(Exception):
    """Catches every refusal of this package."""


class ImageError(SiamMaskError):
    """The picture cannot be used: encoding, sides, step, amount of data, values."""


class BoxError(SiamMaskError):
    """The box does not say what to follow: not finite, too small, outside the picture."""


class CalibrationError(SiamMaskError):
    """The camera's calibration does not say where its pixels look, or belongs to other images."""


class CheckpointError(SiamMaskError):
    """The file does not hold the weights that the network needs."""


class EngineError(SiamMaskError):
    """The network cannot be run here: a library, a device or its memory is missing."""


class EngineMemoryError(EngineError):
    """The device's memory did not suffice for this frame; fewer targets at once may do."""


class EngineLostError(EngineError):
    """The device refuses everything from now on; only a new process can use it again."""


class ConfigError(SiamMaskError):
    """A setting is unknown or has a value outside its legal range."""


class DataError(SiamMaskError):
    """A data set, a video or an annotation is missing or damaged."""


def in_one_line(error: BaseException) -> str:
    """What an error says, as one line: of the operating system's errors without their numbers."""
    words = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return printable(" ".join(words.split()))


def printable(text: str) -> str:
    """Return a text with its control characters and broken UTF-8 escaped, for a terminal."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )
