"""The data pages: bring a file, see it, split it, and train on it."""

from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from ..bilingual import Text
from ..config.loader import known_configs
from ..config.schema import DataSettings
from ..data.files.records import dropped_for
from ..errors import YoyakError
from ..files import remove
from ..reports.charts import histogram_chart
from .data_lengths_view import prompt_lengths
from .data_view import ROWS_A_PAGE, columns_of, guessed_columns, shared_dialogues, view_of_data
from .forms import fields_of, read_form
from .paging import page_there
from .place import PageError, Place
from .studio import Studio, apart, keep, see
from .uploads import UPLOAD_BYTES, data_files, take_upload
from .worker import WORKER

_COLUMNS = ("dialogue_column", "summary_column", "id_column", "topic_column")
_SETTINGS = (*_COLUMNS, "encoding", "records")
_DIALOGUE, _CHARACTERS = Text("dialogue", "대화"), Text("Dialogues, characters", "대화, 글자 수")
_GONE = Text("There is no such file here.", "그런 파일이 없습니다.")


def add_data_pages(app: FastAPI, studio: Studio) -> None:
    """Add `/data`, and a page for each file."""

    @app.get("/data", response_model=None)
    async def files(request: Request) -> Response:
        """List the files that are here."""
        found = await apart(_files_and_sizes, studio.place)
        return studio.page(request, "data.html", files=found, most=UPLOAD_BYTES >> 30)

    @app.post("/data", response_model=None)
    async def bring(request: Request, name: str = "") -> Response:
        """Take a file in."""
        path = await take_upload(request, studio.place, name)
        await keep(studio, request, "bring", path.name)
        return JSONResponse({"address": f"/data/{quote(path.name)}"})

    @app.get("/data/{key}", response_model=None)
    async def file(request: Request, key: str, page: str = "0") -> Response:
        """Show a file."""
        path = _path(studio.place, key)
        settings = _settings(request)
        number = min(int(page[:9]), 10**8) if page.isascii() and page.isdecimal() else 0
        context: dict[str, Any] = {"view": None, "refusal": None, "columns": []}
        try:
            context["columns"] = await WORKER.call(columns_of, path.absolute(), settings)
            settings = guessed_columns(context["columns"], settings)
            context["view"] = await WORKER.call(view_of_data, path.absolute(), settings, number)
            number = page_there(number, context["view"].rows, ROWS_A_PAGE)
        except YoyakError as error:
            context["refusal"] = str(error).replace(f"{(studio.place.own / 'data').absolute()}/", "")
        except OSError:
            raise PageError(404, _GONE) from None
        return studio.page(request, "data_file.html", **context, **_shown(studio, key, path, settings, number, context))

    @app.get("/data/{key}/lengths", response_model=None)
    async def lengths(request: Request, key: str, experiment: str = "smollm2_135m") -> Response:
        """Show lengths in tokens, and what truncation would cut."""
        if experiment not in known_configs():
            raise PageError(404, Text("There is no such config.", "그런 설정이 없습니다."))
        path = _path(studio.place, key)
        found = await WORKER.call(prompt_lengths, path.absolute(), _settings(request), experiment)
        chart = histogram_chart(
            "prompts",
            Text("Prompts, tokens", "프롬프트, 토큰"),
            found.bins,
            Text("tokens", "토큰"),
            Text("dialogue", "대화"),
        )
        return studio.page(request, "data_lengths.html", found=found, chart=chart)

    @app.get("/data/{key}/shared", response_model=None)
    async def shared(request: Request, key: str, other: str = "") -> Response:
        """Show how many dialogues another file has too."""
        paths = _path(studio.place, key).absolute(), _path(studio.place, other).absolute()
        exact, near = await WORKER.call(shared_dialogues, *paths, _settings(request))
        return studio.page(request, "data_shared.html", exact=exact, near=near, other=other)

    @app.post("/data/{key}/split", response_model=None)
    async def split(request: Request, key: str) -> Response:
        """Split a file into train and dev."""
        fields = dict(await read_form(request))
        path = _path(studio.place, key)
        share = fields.get("share", "0.1")
        if share not in ("0.05", "0.1", "0.2"):
            raise PageError(400, Text("Choose a share.", "비율을 골라 주세요."))
        settings = [f"data.{name}={fields[name]}" for name in _SETTINGS if fields.get(name)]
        out = path.with_name(f"{path.stem}_split")
        words = ["data", "split", str(path), "--out", str(out), "--eval-share", share, "--overwrite", *settings]
        started = await apart(studio.processes.start, "split", key, words)
        await keep(studio, request, "split", key)
        return see(f"/jobs/{started.key}")

    @app.post("/data/{key}/delete", response_model=None)
    async def delete(request: Request, key: str) -> Response:
        """Remove a file that was brought."""
        await read_form(request)
        path = _path(studio.place, key)
        await apart(path.unlink)
        await apart(remove, path.with_name(f"{path.stem}_split"))
        await keep(studio, request, "remove", key)
        return see("/data")


def _files_and_sizes(place: Place) -> list[tuple[str, int]]:
    found = []
    for path in data_files(place):
        with suppress(OSError):  # it vanishes just now
            found.append((_key(place, path), path.stat().st_size))
    return found


def _key(place: Place, path: Path) -> str:
    """Return a file's name in addresses: `x.csv`, or `x_split~train.csv` for what was split off."""
    return str(path.relative_to(place.own / "data")).replace("/", "~")


def _path(place: Place, key: str) -> Path:
    path = next((path for path in data_files(place) if _key(place, path) == key), None)
    if path is None:
        raise PageError(404, _GONE)
    return path


def _settings(request: Request) -> dict[str, str]:
    given = dict(fields_of(request.scope["query_string"]))
    return {name: given[name][:500] for name in _SETTINGS if given.get(name)}


def _shown(
    studio: Studio, key: str, path: Path, settings: dict[str, str], page: int, context: dict[str, Any]
) -> dict[str, Any]:
    usual = DataSettings()
    columns = {name: settings.get(name) or getattr(usual, name) for name in _COLUMNS}
    view = context["view"]
    pair = _pair(studio.place, key, path)
    overrides = {f"data.{name}": value for name, value in settings.items()}
    return {
        "key": key,
        "page": page,
        "size": ROWS_A_PAGE,
        "chosen": columns,
        "encoding": settings.get("encoding", "auto"),
        "encodings": list(DataSettings.model_fields["encoding"].annotation.__args__),  # type: ignore[union-attr]
        "query": urlencode(settings),
        "settings": settings,
        "is_split": pair[0] != pair[1],
        "train": "/new?" + urlencode({"data.train": pair[0], "data.eval": pair[1], **overrides}),
        "others": [other for one in data_files(studio.place) if (other := _key(studio.place, one)) != key],
        "experiments": [name for name, file in known_configs().items() if file.parent.name == "models"],
        "reasons": {reason: dropped_for(reason) for reason in view.bad_counts} if view else {},
        "chart": histogram_chart(
            "chars",
            Text("Dialogues, characters", "대화, 글자 수"),
            view.bins,
            Text("characters", "글자"),
            Text("dialogue", "대화"),
        )
        if view
        else "",
    }


def _pair(place: Place, key: str, path: Path) -> tuple[str, str]:
    """Return the files to train and to evaluate on: what was split off a file, where there is that."""
    folder = path.parent if "~" in key else path.with_name(f"{path.stem}_split")
    train, dev = (folder / f"{name}{path.suffix}" for name in ("train", "dev"))
    return (str(train), str(dev)) if train.is_file() and dev.is_file() else (str(path), str(path))
