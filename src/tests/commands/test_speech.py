"""The language of the terminal, and that each sentence of the commands that people meet first has its Korean half."""

import json
import logging
import re
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer
from rich.cells import cell_len

from src.bilingual import Text
from src.cli import app
from src.commands import speech
from src.commands.console import create_console
from src.commands.last_resort import say_what_no_log_takes
from src.commands.speech import Quoted, choose_language, in_korean, said, said_lines, said_record, sentences
from src.config.schema import DataSettings
from src.data.files.sources import load_dialogues
from src.models.probe_result import Probe
from src.planner.cluster import Cluster
from src.planner.over_cards import PlanOnCards, cards_text


@pytest.fixture
def korean(monkeypatch):
    monkeypatch.setattr(speech, "_spoken", "ko")


@pytest.fixture(autouse=True)
def english_again():
    yield
    speech._spoken = "en"


@pytest.mark.parametrize(
    ("arguments", "environment", "left", "language"),
    [
        (["train"], {}, ["train"], "en"),
        (["train"], {"LANG": "en_US.UTF-8"}, ["train"], "en"),
        (["train"], {"LANG": "ko_KR.UTF-8"}, ["train"], "ko"),
        (["train"], {"LANG": "kok_IN.UTF-8"}, ["train"], "en"),
        (["train"], {"LC_ALL": "C.UTF-8", "LANG": "ko_KR.UTF-8"}, ["train"], "en"),
        (["--lang", "ko", "train"], {}, ["train"], "ko"),
        (["train", "--lang=ko", "-e", "x"], {}, ["train", "-e", "x"], "ko"),
        (["train", "--lang", "en"], {"LANG": "ko_KR.UTF-8"}, ["train"], "en"),
        (["plan", "--json"], {"LANG": "ko_KR.UTF-8"}, ["plan", "--json"], "en"),
    ],
)
def test_the_language_is_named_or_the_locales(arguments, environment, left, language):
    assert choose_language(arguments, environment) == left
    assert speech.speaks_korean() == (language == "ko")


def test_english_stays_as_it_is():
    for pair in sentences():
        assert said(pair) is pair


@pytest.mark.parametrize(
    ("english", "korean"),
    [
        ("x.csv: no such file; did you mean 'y.csv'?", "x.csv: 파일이 없습니다 ('y.csv'인가요?)"),
        (
            "x.csv: no column 'dialogue' and 'summary'; its columns are 대화, 요약; use data.dialogue_column=대화",
            "x.csv: 'dialogue', 'summary' 열이 없습니다. 있는 열은 대화, 요약입니다. data.dialogue_column=대화처럼 "
            "알려 주세요",
        ),
        (
            'command line: training.batch_size = "x": must be a whole number of at least 1',
            '명령줄: training.batch_size = "x": 1 이상의 정수여야 합니다',
        ),
        ("outputs/a: no yoyak.yaml, so its base model is not known; add --experiment NAME",
         "outputs/a: yoyak.yaml이 없어 어떤 모델 위에 학습했는지 알 수 없습니다. --experiment 이름을 붙이세요"),
        (
            "Does not fit: 9.1 GB at the least, 1.1 more than the 8.0 GB of H100; no settings of this model do; or try "
            "with --force",
            "들어가지 않습니다: 적어도 9.1 GB가 필요한데 H100 8.0 GB보다 1.1 GB 많습니다. 이 모델은 설정을 바꿔도 "
            "들어가지 않습니다. 그래도 하려면 --force를 붙이세요",
        ),
        ("0.53 (0.21 to 0.98) (within chance)", "0.53(0.21 ~ 0.98, 무작위 기준 이내)"),
        (
            "rank 1 of 2: has crashed (SIGABRT): what():  data size",
            "프로세스 2개 가운데 1번: 비정상 종료했습니다(SIGABRT): what():  data size",
        ),
        ("rank 1 of 2: has ended with exit code 3", "프로세스 2개 가운데 1번: 끝났습니다(종료 코드 3)"),
        ("a.csv: 1 row is left out (no dialogue)", "a.csv: 행 1개를 뺐습니다(대화 없음)"),
        ("a.csv: 2 rows are left out (no dialogue)", "a.csv: 행 2개를 뺐습니다(대화 없음)"),
        ("1 summary in a.csv, column summary", "a.csv에 요약 1개를 썼습니다(summary 열)"),
        (
            "  engine packed, bf16, micro-batches of up to 6,656 tokens; computed again: 30 of 32 layers",
            "  엔진 packed, bf16, 마이크로배치마다 최대 6,656토큰. 재계산하는 층: 32개 중 30개",
        ),
        ("  gated delta rule: counted by operations of torch", "  게이트 델타 규칙: torch 연산 기준"),
        ("a sentence that nobody wrote", "a sentence that nobody wrote"),
        ("민수: 12시에 봐요", "민수: 12시에 봐요"),
    ],
)  # fmt: skip
def test_sentences_in_korean(english, korean):
    assert in_korean(english) == korean


def test_names_of_two_halves_and_texts_of_others(korean):
    assert said(Text("weight", "무게")) == "무게"
    assert said("none") == "없음"
    assert said(Quoted("none")) == "none"


def test_what_is_quoted_is_printed_as_it_is(korean, capsys):
    """rich joins what is printed into a text of its own, which was said once more."""
    console = create_console()
    console.print(Quoted("none"))
    console.print("none")
    assert capsys.readouterr().out == "none\n없음\n"


def test_a_sentence_of_halves_that_are_quoted_has_them(korean):
    why = Text(f"layer {7} is made of {'glass'}", "7번 층이 유리")
    assert said(f"training.engine = packed can't train this: {why}; set training.engine=auto") == (
        "training.engine = packed로는 학습할 수 없습니다(7번 층이 유리). training.engine=auto로 두세요"
    )


def test_parts_of_a_list_are_said_one_by_one(korean):
    assert said("a: vLLM does not load adapters with DoRA; rank 600, above 512; use --to merged instead") == (
        "a: vLLM은 이런 어댑터를 읽지 못합니다(DoRA; rank 600(512 초과)). --to merged를 쓰세요"
    )


def test_a_long_text_is_of_data_and_takes_no_time(korean):
    """A hundred patterns with fields at each of its colons took 12 s."""
    text = ": " * 10_000
    start = time.thread_time()  # what others take of the processor doesn't count
    assert in_korean(text) == text
    assert time.thread_time() - start < 1


def test_a_setting_that_is_a_sentence_of_ours_is_shown_as_it_is(yoyak, tiny):
    shown = yoyak("config", "show", "tiny.yaml", "experiment.name=Error", "--lang", "ko").out
    assert re.search(r"experiment\.name +Error ", shown)


def test_lines_of_a_log(korean):
    def line(message, *arguments):
        return said_record(logging.LogRecord("yoyak", logging.INFO, "x.py", 1, message, arguments, None))

    assert line("Going on from %s", "outputs/a/checkpoints/2") == "outputs/a/checkpoints/2에서 이어서 학습합니다"
    assert (
        line("Engine: %s (%s)", "packed", Text("the model allows it", "모델이 지원함")) == "엔진: packed(모델이 지원함)"
    )
    assert line("%s: %s", "train", "4 examples, none shortened") == "train: 예시 4개, 줄인 것 없음"
    assert line("100% of it") == "100% of it"
    assert line("%s needs CUDA; %s is used on the CPU", "paged_adamw_8bit", "adamw_torch_fused") == (
        "paged_adamw_8bit에는 CUDA가 필요해 CPU에서는 adamw_torch_fused를 씁니다"
    )
    assert line("%s is gone; it is made again with all that it held", "a.json") == (
        "a.json이 없어져, 담겨 있던 내용으로 다시 만들었습니다"
    )


def test_figures_keep_their_columns(korean):
    assert said_lines("  matrix products      119 min  73.3%\n\n  logits                 0.10 GB") == (
        "  행렬 곱                119분  73.3%\n\n  로짓                   0.10 GB"
    )
    assert said_lines("  attention             3.5 h   8.1%") == "  어텐션              3.5시간   8.1%"
    assert said_lines("  evaluation  2 min longer, 3 s a step") == "  평가          2분 longer, 3초 a step"


def ends(line):
    """Where the columns of a table's line end, in cells of a terminal."""
    return [cell_len(line[: found.end()]) for found in re.finditer(r"\S+(?: \S+)*", line)]


@pytest.mark.parametrize("price", [None, 2.5])
def test_heads_of_plans_over_cards_stand_above_their_figures(korean, price):
    plan = SimpleNamespace(
        choice=SimpleNamespace(memory=SimpleNamespace(device_bytes=12.3e9)), fits=True, sharding="none",
        step_seconds=0.5, total_seconds=600.0, cost=lambda price: 12.5,
    )  # fmt: skip
    text = cards_text([PlanOnCards(Cluster(4), plan, 3.9)], price)
    said = said_lines(text).splitlines()
    assert [ends(line) for line in said] == [ends(line) for line in text.splitlines()]
    assert said[0].split()[:2] == ["GPU", "초/스텝"]
    head = f"{'joined by':>20} {'s a step':>9} {'run':>9}"
    assert ends(said_lines(head)) == ends(head)


def test_halves_have_the_same_fields_and_no_sentence_is_twice():
    pairs = sentences()
    assert len({str(pair) for pair in pairs}) == len(pairs)
    for pair in pairs:
        names = set(re.findall(r"\{(\w+)", pair))
        assert set(re.findall(r"\{(\w+)", pair.ko)) <= names, pair
        assert re.search("[가-힣]|^\\W*(?:\\{|$)", pair.ko), pair


def commands(command, path=""):
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, f"{path} {name}")


def test_all_help_has_its_korean_half():
    texts = {
        text: path
        for path, command in commands(typer.main.get_command(app))
        for text in (command.help, *(getattr(parameter, "help", None) for parameter in command.params))
        if text
    }
    assert len(texts) > 90
    assert {text: path for text, path in texts.items() if in_korean(text) == text} == {}


def test_errors_help_and_tables_are_korean_and_json_is_english(yoyak):
    shown = yoyak("--lang", "ko", "data", "check", "sample:ko/chat.csv")
    assert shown.code == 0
    assert "쓸 수 있는 행            20" in shown.out
    assert "자르기: 예시 20개, decoder_max_len보다 긴 요약 12개는 그대로 둠" in shown.out
    fault = yoyak("data", "check", "x.csv", "--lang", "ko")
    assert (fault.code, fault.err) == (2, "yoyak: x.csv: 파일이 없습니다\n")
    assert yoyak("data", "check", "x.csv").err == "yoyak: x.csv: no such file\n"
    help_text = yoyak("--lang", "ko", "summarize", "--help").out
    assert "대화 하나를" in help_text
    assert "사용법: " in help_text
    assert "summarize [옵션]" in help_text
    assert "TEXT|FILE|FOLDER|- 인자가 필요합니다" in yoyak("--lang", "ko", "summarize").err
    found = json.loads(yoyak("--lang", "ko", "data", "check", "sample:ko/chat.csv", "--json").out)
    assert found["truncation"]["examples"] == 20
    assert yoyak("--lang", "fr", "plan").err == "yoyak: --lang fr: choose en or ko\n"


def test_what_is_wrong_with_a_data_file_is_korean(yoyak, folder):
    rows = ["fname,dialogue,summary", "1,A: hi,They greet.", "1,B: go,They go.", "3,C: no,"]
    Path("bad.csv").write_text("\n".join(rows) + "\n")
    shown = yoyak("--lang", "ko", "data", "check", "bad.csv")
    assert shown.code == 0
    assert re.search(r"겹치는 id +│ +1 │ 3: '1'은 2번째 줄에도 있음", shown.out)
    assert re.search(r"요약 없음 +│ +1 │ 4 ", shown.out)
    assert "자르기 전의 프롬프트 토큰" in shown.out
    assert "1개 가운데 0개(0.0%)가 1,024토큰을 넘어 발화를 잃습니다" in shown.out
    plain = yoyak("data", "check", "bad.csv").out
    assert re.search(r"repeated id +│ +1 │ 3: '1' is that of line 2 too", plain)
    assert "0 of 1 (0.0%) exceed 1,024 tokens and lose turns" in plain


def test_a_warning_that_no_log_takes_is_korean(korean, monkeypatch, capsys):
    before = logging.lastResort.formatter
    say_what_no_log_takes()
    logger = logging.getLogger("yoyak")
    monkeypatch.setattr(logger, "handlers", [])
    monkeypatch.setattr(logger, "propagate", False)
    logger.warning("%s: %s", "a.csv", "exports are read as turns, such as '민수: 안녕': KakaoTalk (1)")
    logging.lastResort.setFormatter(before)
    assert capsys.readouterr().err == "a.csv: 내보낸 대화를 '민수: 안녕'처럼 발화로 읽습니다: KakaoTalk (1)\n"


def test_a_note_behind_the_name_of_a_file_is_korean(tmp_path):
    file = tmp_path / "a: b.csv"
    file.write_text('dialogue,summary\n"A: hi\nB: hello",nan\n"A: one\nB: two",Two speak.\n', encoding="utf-8")
    (note,) = load_dialogues(str(file), DataSettings()).notes
    korean = "대화나 요약 1개에 'nan' 같은, 값이 없을 때 프로그램이 쓰는 글만 있습니다. 칸을 비우세요"
    assert in_korean(note) == f"{file}: {korean}"


def test_plans_beside_each_other_are_korean(yoyak, folder):
    asked = ("plan", "-e", "smollm2_135m", "--compare", "--gpu", "T4", "--lengths", "300,600,1000")
    shown = yoyak("--lang", "ko", *asked).out.splitlines()
    assert shown[0].split() == ["GPU", "이름", "방법", "길이", "GB", "시간", "마이크로배치,", "재계산하는", "층"]
    assert shown[-2].startswith("T4             전체 파인튜닝          ")
    assert shown[-1] == "그림: outputs/plan_compare.svg"
    assert [ends(line)[-2] for line in shown[1:-1]] == [60] * 9
    assert yoyak(*asked).out.splitlines()[-1] == "Picture: outputs/plan_compare.svg"


def test_a_run_speaks_korean_and_logs_english(yoyak, tiny):
    result = yoyak("--lang", "ko", "train", "-e", "tiny.yaml")
    assert result.code == 0, result.err
    lines = [
        line for line in result.out.splitlines() if re.search("[A-Za-z]{3}", line) and not re.search("[가-힣]", line)
    ]
    assert lines == []
    log = next(Path().glob("outputs/*/train.log")).read_text(encoding="utf-8")
    assert "Trained " in log
    assert not re.search("[가-힣]{2}", re.sub("#.*", "", log))


@pytest.mark.parametrize("engine", ["packed", "refining", "cached decoder's"])
@pytest.mark.parametrize("more", [(), (2e-6,), (2e-6, 0.1, 0.2)])
def test_what_a_probe_found_is_said_in_korean(engine, more, korean):
    error, *from_float32 = more or (None,)
    found = Probe(engine, 6.552726, 6.552727, error, True, 1.0, *from_float32)
    ends = ("", "; the trainer engine is taken, with the model's own forward",
            "; transformers generates, which is slower")  # fmt: skip
    said_ones = [said_record(logging.LogRecord("x", 20, "f", 1, f"Probe: %s{end}", (found,), None)) for end in ends]
    for one in (*said_ones, said(f"serve: the probe: {found}; mend it")):
        assert one.startswith(("시험 계산: ", "serve: 시험 계산: "))
        assert not re.search(r"\b(by|own|apart|from|and|slower|taken)\b", one), one
