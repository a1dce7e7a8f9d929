"""Sending an export to the Hugging Face hub."""

import re
from pathlib import Path
from typing import Any

from ..errors import YoyakError, first_line


def refuse_bad_repo(repo: str) -> None:
    """Raise YoyakError where `repo` is no `owner/name` of the hub."""
    if not re.fullmatch(r"[\w][\w.-]*/[\w][\w.-]*", repo, flags=re.ASCII):
        raise YoyakError(f"--push {repo}: not a repository's name; it looks like owner/name")


def push(folder: Path, repo: str) -> str:
    """Upload a folder to a repository of the hub, which is made private where it is new; return its address.

    Raises:
        YoyakError: no network, no token, or no right to write there; the folder stays as it is.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    http_error: Any = HfHubHTTPError.__bases__[0]  # of httpx or httpx2, by the release of huggingface_hub
    try:
        api = HfApi()
        address = api.create_repo(repo, private=True, exist_ok=True)
        api.upload_folder(folder_path=folder, repo_id=repo, commit_message="Export of yoyak")
    except (OSError, ValueError, http_error) as error:
        raise YoyakError(
            f"--push {repo}: {first_line(error).rstrip('.')}; the folder is ready in {folder}: log in with `hf auth "
            f"login`, then `hf upload {repo} {folder}`"
        ) from error
    return str(address)
