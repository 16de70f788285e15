"""Where the public data sets lie that some benches measure with."""

import os
from pathlib import Path

from clone_studio import PROJECT_ROOT


class DataMissing(Exception):
    """A data set that a bench needs is not on this machine; the text names it."""


def data_folder(name: str = "") -> Path:
    """Return the folder of a data set below `STUDIO_BENCH_DATA`.

    Raises:
        DataMissing: It is not there.
    """
    root = PROJECT_ROOT / (os.environ.get("STUDIO_BENCH_DATA") or "../shared/data")
    folder = (root / name).resolve()
    if not folder.is_dir():
        raise DataMissing(f"needs data that is not here ({name or 'STUDIO_BENCH_DATA'})")
    return folder
