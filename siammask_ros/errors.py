"""Errors caused by an input, a file or the machine, not by a bug of this package.

Every message says what was wrong, what was expected and what to do.
"""


class SiamMaskError(Exception):
    """Base class of all errors of this package."""


class ImageError(SiamMaskError):
    """The image cannot be used: its encoding, size, row step, amount of data or values."""


class BoxError(SiamMaskError):
    """The box cannot start a target: not finite, too small or outside the image."""


class CalibrationError(SiamMaskError):
    """The camera's calibration is invalid, or is for images of another size."""


class CheckpointError(SiamMaskError):
    """The file does not contain the weights that the network needs."""


class EngineError(SiamMaskError):
    """The network cannot run here: a library or a device is missing or fails."""


class EngineMemoryError(EngineError):
    """The device has too little memory for this frame; fewer targets at once may fit."""


class EngineLostError(EngineError):
    """The device fails from now on; only a new process can use it again."""


class ConfigError(SiamMaskError):
    """A configuration field is unknown or its value is outside the legal range."""


class DataError(SiamMaskError):
    """A data set, a video or an annotation is missing or damaged."""


def format_error(error: BaseException) -> str:
    """Return an error's message on one line; operating system errors without their number."""
    words = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return escape_control_characters(" ".join(words.split()))


def escape_control_characters(text: str) -> str:
    """Return a text with its control characters and broken UTF-8 escaped, for a terminal."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )
