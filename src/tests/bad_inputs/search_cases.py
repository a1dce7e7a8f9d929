"""Searches that can't begin: times, ranges, objectives and storages."""

from src.tests.bad_inputs.case import HEAD, Case

SEARCH = "search -e TINY --deadline 1h"
FOLDER = "outputs/tiny_search"
TIME = "give a time such as 90s, 20m, 3h or 1h30m"
FORM = "give choices, as [8, 16], or a range, as {low: 1e-4, high: 1e-2, log: true}"
ENGLISH = f'{HEAD}"A: hi","A greets"\n"B: go","B goes"\n"C: no","C refuses"\n'
KOREAN = f'{HEAD}"가: 안녕","인사한다"\n"나: 응","답한다"\n"다: 뭐","묻는다"\n'


def refuse(name: str, settings: str, line: str) -> Case:
    """Return the case of settings for a search."""
    return Case(f"search: {name}", f"{SEARCH} {settings}", f"command line: {line}")


SEARCHES = [
    Case("search: no unit", "search -e TINY --deadline 3", f"--deadline 3: {TIME}"),
    Case("search: no time", "search -e TINY --deadline 0h", f"--deadline 0h: {TIME}"),
    Case("search: too short", "search -e TINY --deadline 1s", "--deadline: 1 s allows no trial; ..."),
    refuse("no rank", "'search.space={lora.r: [8, 0]}'", "lora.r = 0: must be a whole number of at least 1"),
    refuse(
        "a dropout of all", "'search.space={lora.dropout: {low: 0, high: 1}}'",
        "lora.dropout = 1: must be a number of at least 0 and below 1",
    ),
    refuse(
        "an unknown setting", "'search.space={lora.rank: [8]}'", "unknown key 'lora.rank'; did you mean 'lora.r'?"
    ),
    refuse("one value", "'search.space={lora.r: 8}'", f"lora.r = 8: {FORM}"),
    refuse(
        "upside down", "'search.space={lora.r: {low: 3, high: 1}}'",
        'lora.r = {"low": 3, "high": 1}: low must be a number below high',
    ),
    refuse(
        "what is measured by", "'search.space={evaluation.stemmer: [true, false]}'",
        "evaluation.stemmer can't be searched: trials would not be alike; leave it out",
    ),
    refuse("no mapping", "search.space=8", "search.space = 8: must be a mapping such as {lora.r: [8, 16]}"),
    refuse("another objective", "search.objective=bleu", 'search.objective = "bleu": must be one of rouge_sum, ...'),
    Case(
        "search: morphemes of English", f"{SEARCH} evaluation.tokenization=morpheme data.eval=d.csv",
        "d.csv: search.objective can't be counted by evaluation.tokenization=morpheme: no summary has Hangul; set "
        "evaluation.tokenization=word", files={"d.csv": ENGLISH},
    ),
    Case(
        "search: ASCII of Korean", f"{SEARCH} evaluation.tokenization=ascii data.eval=d.csv",
        "d.csv: search.objective=rouge_sum: 2 of 2 summaries have no tokens under evaluation.tokenization=ascii; set "
        "evaluation.tokenization=word", files={"d.csv": KOREAN},
    ),
    Case(
        "search: no facts to keep to", f"{SEARCH} search.most_unsupported_facts=0 data.eval=d.csv data.test=e.csv",
        "d.csv: search.most_unsupported_facts: no summary has a number, date or name; leave it out",
        files={"d.csv": f'{HEAD}"A: hi","they greet"\n"B: go","they go"\n', "e.csv": KOREAN},
    ),
    Case(
        "search: a test of what is chosen on", f"{SEARCH} data.eval=d.csv data.test=d.csv",
        "d.csv: all of its dialogues are in data.eval too, on which trials are chosen; name another file with "
        "data.test, or set data.test=null for a part of data.eval to be set aside", files={"d.csv": ENGLISH},
    ),
    Case(
        "search: nothing to set aside", f"{SEARCH} data.max_eval_examples=1",
        "...: one dialogue can't be divided into those to choose on and those to report on; add more, or name a file "
        "with data.test...",
    ),
    Case(
        "search: near-duplicates alone", f"{SEARCH} data.eval=d.csv",
        "d.csv: search.set_aside: 2 rows at an eval share of 0.4: none is left for evaluation (2 of them are kept "
        "together in 1 group); use another share or more rows, or name a file with data.test",
        files={"d.csv": f'{HEAD}"A: hi","A greets"\n"A: hi","A says hi"\n'},
    ),
    Case(
        "search: no storage", f"{SEARCH} --storage nowhere", "--storage nowhere: can't be opened (...",
    ),
    Case(
        "search: a folder of something else", SEARCH,
        f"{FOLDER}: is there already and holds no search; set experiment.name=OTHER", files={f"{FOLDER}/x": "x"},
    ),
]  # fmt: skip
