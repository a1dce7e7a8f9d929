"""The name and place of a run."""

from pathlib import Path

from pydantic import field_validator

from .section import Section


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
        return name
