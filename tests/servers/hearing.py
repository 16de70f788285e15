"""What tests hear: MP3 decoded into samples, by a library that is not the one that encodes."""

import miniaudio
import numpy as np
from numpy.typing import NDArray


def heard(mp3: bytes) -> tuple[NDArray[np.float32], int]:
    """Return the samples of one channel, between -1 and 1, and how many there are a second."""
    found = miniaudio.decode(mp3, output_format=miniaudio.SampleFormat.FLOAT32, nchannels=1)
    return np.asarray(found.samples, np.float32), found.sample_rate


def seconds(mp3: bytes) -> float:
    """Return how long the audio is."""
    samples, rate = heard(mp3)
    return len(samples) / rate


def loudness(mp3: bytes) -> float:
    """Return the root of the mean square: 0 is silence, speech is above 0.02."""
    samples, _rate = heard(mp3)
    return float(np.sqrt(np.mean(samples**2)))
