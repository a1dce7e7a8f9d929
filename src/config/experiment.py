"""The name and place of a run."""

from pathlib import Path

from pydantic import field_validator

from .section import Section

_MOST_BYTES = 200  # disks allow 255 a name, and the names of logs and of what is made of a run are longer


class ExperimentSettings(Section):
    """The run's name and place."""

    name: str
    """Outputs go to `<output_dir>/<name>/`."""
    tags: list[str] = []
    """Words to find the run by."""
    output_dir: str = "outputs"
    """Folder of all runs."""

    @property
    def run_dir(self) -> Path:
        """Return the run's folder."""
        return Path(self.output_dir) / self.name

    @field_validator("name")
    @classmethod
    def _is_folder_name(cls, name: str) -> str:
        if name in ("", ".", "..") or any(character in name for character in "/\\:\0") or name != name.strip():
            raise ValueError("must be a plain folder name, without slashes")
        if name.startswith("-") or not name.isprintable():  # it goes into command lines and Modelfiles too
            raise ValueError("must be printable and not start with '-'")
        if len(name.encode()) > _MOST_BYTES:
            raise ValueError(f"must be at most {_MOST_BYTES} bytes long in UTF-8, where a Hangul syllable takes 3")
        return name
