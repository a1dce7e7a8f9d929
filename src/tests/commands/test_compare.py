import json

ROWS = [
    {"fname": "d0", "dialogue": "Ann: Hi.", "summary": "a b c d", "fine_tuned": "a b c d"},
    {"fname": "d1", "dialogue": "Ann: Bye.", "summary": "a b c d", "fine_tuned": "x"},
]


def write_run(folder, rows=ROWS):
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps({"name": folder.name, "status": "completed"}))
    if rows:
        (folder / "predictions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def test_runs_by_name_and_by_folder_as_json_and_as_page(yoyak, folder):
    write_run(folder / "outputs" / "one")
    write_run(folder / "two", [{**ROWS[0], "fine_tuned": "x"}, ROWS[1]])
    result = yoyak("compare", "one", "two", "--json", "--out", "pages/compare.html")
    assert result.code == 0
    found = json.loads(result.out)
    assert [run["name"] for run in found["runs"]] == ["one", "two"]
    assert found["runs"][1]["against_first"]["differences"]["rouge_sum"]["difference"] == -150
    assert found["examples"][0] == {"fname": "d0", "rouge_sum": {"one": 300, "two": 0}, "change": -300}
    assert (folder / "pages" / "compare.html").read_text().startswith("<!doctype html>")


def test_tables_and_the_sentence(yoyak, folder):
    write_run(folder / "one")
    write_run(folder / "two")
    out = yoyak("compare", "one", "two").out
    assert "two against one: ROUGE sum: no difference that these 2 dialogues can show" in out


def test_what_cannot_be_compared_is_one_line(yoyak, folder):
    write_run(folder / "one")
    write_run(folder / "bare", None)
    for arguments, part in (
        (["one"], "compare needs two runs or more"),
        (["one", "nowhere"], "nowhere: no such run: no run.json in nowhere or outputs/nowhere"),
        (["one", "bare"], "has no fine-tuned summaries to compare"),
    ):
        result = yoyak("compare", *arguments)
        assert (result.code, len(result.err.splitlines())) == (2, 1)
        assert part in result.err
