"""Cut files into pieces that fit into numbered folders, each small for one transfer; join them on the other side.

    python benchmarks/offline/pieces.py cut .carry core.site.tar data.shared.tar.xz ... [--mib 47]
    python benchmarks/offline/pieces.py join .carry /tmp/carried

`cut` fills `.carry/1`, `.carry/2` and so on in the order of the files, and writes `pieces.json` into each: the sha256
of every piece and of every whole file. `join` takes the folders that have arrived, in any order and number of calls,
checks each piece, and writes a file as soon as its last one is there. Nothing but Python's own library is needed.
"""

import argparse
import hashlib
import json
import shutil
import sys
from pathlib import Path
from typing import Any

LIST = "pieces.json"
_BLOCK = 1 << 20


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def cut(files: list[Path], into: Path, mib: float) -> None:
    """Fill numbered folders below `into` with the files' pieces; folders of an earlier call are replaced.

    Raises:
        SystemExit: a file is missing or empty.
    """
    for path in files:
        if not path.is_file() or not path.stat().st_size:
            raise SystemExit(f"{path}: no such file, or an empty one")
    for folder in numbered(into):
        shutil.rmtree(folder)
    number, room = 1, int(mib * 2**20)
    listed: dict[str, Any] = {}
    left = room
    for path in files:
        pieces = []
        with path.open("rb") as source:
            while block := source.read(left):
                piece = into / str(number) / f"{path.name}.{len(pieces):02}"
                piece.parent.mkdir(parents=True, exist_ok=True)
                piece.write_bytes(block)
                pieces.append({"folder": number, "name": piece.name, "sha256": sha256_of(piece)})
                left -= len(block)
                if not left:
                    number, left = number + 1, room
        listed[path.name] = {"sha256": sha256_of(path), "bytes": path.stat().st_size, "pieces": pieces}
    for folder in numbered(into):
        (folder / LIST).write_text(json.dumps(listed, indent=1) + "\n", encoding="utf-8")


def join(carried: Path, into: Path) -> list[str]:
    """Take the pieces that have arrived below `carried` and write the files that are whole to `into`.

    Returns:
        a line for each file that is not whole yet, with the folders that are still to come.

    Raises:
        SystemExit: nothing has arrived, folders are of different cuts, or a piece is damaged.
    """
    store = into / "pieces"
    store.mkdir(parents=True, exist_ok=True)
    listed = the_list(carried, store)
    missing = []
    for name, file in listed.items():
        if (into / name).is_file():
            continue
        here = [take(piece, carried, store) for piece in file["pieces"]]
        if not all(here):
            folders = sorted({piece["folder"] for piece, there in zip(file["pieces"], here, strict=True) if not there})
            missing.append(f"{name}: {carried.name}/" + f", {carried.name}/".join(map(str, folders)))
            continue
        beside = into / f"{name}.part"
        with beside.open("wb") as target:
            for piece in file["pieces"]:
                with (store / piece["name"]).open("rb") as source:
                    shutil.copyfileobj(source, target, _BLOCK)
        if sha256_of(beside) != file["sha256"]:
            raise SystemExit(f"{name}: is not the file that was cut; empty {into} and carry all folders anew")
        beside.rename(into / name)
        for piece in file["pieces"]:
            (store / piece["name"]).unlink()
    return missing


def the_list(carried: Path, store: Path) -> dict[str, Any]:
    """Return the list of all pieces, the same in every folder; it is kept beside them."""
    kept = store / LIST
    lists = {path.read_text(encoding="utf-8") for folder in numbered(carried) if (path := folder / LIST).is_file()}
    lists |= {kept.read_text(encoding="utf-8")} if kept.is_file() else set()
    if not lists:
        raise SystemExit(f"{carried}: holds no folder with a {LIST}")
    if len(lists) > 1:
        raise SystemExit(f"{carried}: folders of different cuts; empty {store.parent} and carry those of one")
    text = lists.pop()
    kept.write_text(text, encoding="utf-8")
    listed: dict[str, Any] = json.loads(text)
    return listed


def take(piece: dict[str, Any], carried: Path, store: Path) -> bool:
    """Copy a piece into the store if it has arrived; tell whether it is there."""
    kept, arrived = store / piece["name"], carried / str(piece["folder"]) / piece["name"]
    if kept.is_file():
        return True
    if not arrived.is_file():
        return False
    if sha256_of(arrived) != piece["sha256"]:
        raise SystemExit(f"{arrived}: damaged; carry {arrived.parent} again")
    beside = kept.with_suffix(".part")
    shutil.copyfile(arrived, beside)
    beside.rename(kept)
    return True


def numbered(folder: Path) -> list[Path]:
    """Return the folders with a number as their name, in order."""
    found = [path for path in folder.iterdir() if path.name.isdigit() and path.is_dir()] if folder.is_dir() else []
    return sorted(found, key=lambda path: int(path.name))


def main() -> None:
    """Cut or join."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ways = parser.add_subparsers(dest="way", required=True)
    cutting = ways.add_parser("cut")
    cutting.add_argument("into", type=Path)
    cutting.add_argument("files", type=Path, nargs="+")
    cutting.add_argument("--mib", type=float, default=47, help="most MiB of pieces in a folder")
    joining = ways.add_parser("join")
    joining.add_argument("carried", type=Path)
    joining.add_argument("into", type=Path)
    given = parser.parse_args()
    if given.way == "cut":
        cut(given.files, given.into, given.mib)
        for folder in numbered(given.into):
            files = [path for path in folder.iterdir() if path.name != LIST]
            size = sum(path.stat().st_size for path in files) / 1e6
            print(f"{folder}  {size:5.1f} MB  {' '.join(sorted(path.name for path in files))}")
        return
    for line in join(given.carried, given.into):
        print(f"to come: {line}", file=sys.stderr)


if __name__ == "__main__":
    main()
