"""The local models that are here: whether their files are still those that were checked."""

from pathlib import Path

from clone_studio.providers.local_models import wrong_files
from clone_studio.providers.model_catalogue import CATALOGUE
from clone_studio.services.checks.finding import Finding


def sums(folder: Path) -> Finding:
    """Take the sum of every file of every model that is here; missing models are not judged."""
    here = [one for one in CATALOGUE.values() if (folder / one.name).is_dir()]
    wrong = [one.name for one in here if wrong_files(one, folder)]
    if wrong:
        return Finding(
            "model sums",
            "fault",
            f"Files of {', '.join(wrong)} are absent or not the right ones.",
            f"./studio models install {' '.join(wrong)}",
        )
    names = ", ".join(one.name for one in here)
    return Finding("model sums", "ok", f"Right for {names}." if here else "No model is here.")
