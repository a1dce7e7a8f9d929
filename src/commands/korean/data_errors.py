"""Errors of reading and splitting data that the user can mend.

How the halves are read: `src/commands/speech.py`.
"""

from ...bilingual import Text

DATA_ERRORS = (
    Text(
        (
            "{source}: no column {names}; its columns are {columns}; use {hints}, for all data files, or rename its "
            "columns"
        ),
        "{source}: {names:t} 열이 없습니다. 있는 열은 {columns}입니다. 모든 데이터 파일에 맞는 {hints:처럼} "
        "알려 주거나 이 파일의 열 이름을 바꾸세요",
    ),
    Text(
        "{error}; data.on_bad_rows=drop leaves such files out",
        "{error:t}. 이런 파일을 빼려면 data.on_bad_rows=drop을 지정하세요",
    ),
    Text(
        "{folder}: no .txt file in this folder is a dialogue", "{folder}: 이 폴더에는 대화로 읽을 .txt 파일이 없습니다"
    ),
    Text(
        (
            "{source}: no column {names}; its first line is a row: write the names of the columns above it, such as "
            "dialogue,summary"
        ),
        "{source}: {names:t} 열이 없고 첫 줄이 데이터입니다. 그 위에 dialogue,summary처럼 열 이름을 적으세요",
    ),
    Text(
        "data.dialogue_column and data.summary_column are both {quoted}, and a summary would be its whole dialogue; "
        "name two columns",
        "data.dialogue_column과 data.summary_column이 모두 {quoted}이라 요약이 대화와 같아집니다. "
        "서로 다른 열을 지정하세요",
    ),
    Text(
        "say what to add: --rename-speakers N, --instructions, or both",
        "무엇을 늘릴지 --rename-speakers N이나 --instructions로 알려 주세요(둘 다 써도 됩니다)",
    ),
    Text(
        "--out {path}: --instructions writes messages; name a file that ends in .jsonl",
        "--out {path}: --instructions는 메시지를 씁니다. .jsonl로 끝나는 파일을 지정하세요",
    ),
    Text(
        "{source}: holds conversations; --rename-speakers needs columns of dialogue and summary",
        "{source}: 메시지 목록으로 된 파일입니다. --rename-speakers에는 대화 열과 요약 열이 필요합니다",
    ),
    Text("--by {by}: choose topic or none{hint}", "--by {by}: topic과 none 가운데 고르세요{hint:t}"),
    Text(
        "--folds and --eval-share exclude each other: each of K folds evaluates on 1/K of the rows",
        "--folds와 --eval-share는 함께 쓸 수 없습니다. 폴드가 K개면 폴드마다 행의 1/K로 평가합니다",
    ),
    Text(
        "{file}: one file is split at a time; an override is KEY=VALUE",
        "{file}: 파일은 한 번에 하나만 나눕니다. 설정을 바꾸려면 키=값으로 쓰세요",
    ),
    Text(
        "{file}: no column '{column}'{hint}; its columns are {columns}",
        "{file}: '{column}' 열이 없습니다{hint:t}. 있는 열은 {columns}입니다",
    ),
    Text(
        "{path}: is the input itself; name another folder with --out",
        "{path}: 입력 파일입니다. --out으로 다른 폴더를 지정하세요",
    ),
    Text(
        "{path}: is of another split; remove it, or name another folder with --out",
        "{path}: 다르게 나눈 결과가 남아 있습니다. 지우거나 --out으로 다른 폴더를 지정하세요",
    ),
    Text(
        "--out {path}: the page is HTML; name a file that ends in .html",
        "--out {path}: 페이지는 HTML입니다. .html로 끝나는 파일을 지정하세요",
    ),
    Text(
        "{source}: no usable row; the report says what is wrong with each kind of them",
        "{source}: 쓸 수 있는 행이 없습니다. 종류마다 무엇이 잘못됐는지는 위 보고에 있습니다",
    ),
    Text(
        "{source}: no usable row; yoyak data check {file} says why",
        "{source}: 쓸 수 있는 행이 없습니다. 이유는 yoyak data check {file:으로/로} 볼 수 있습니다",
    ),
    Text(
        "eval share {share}: it is the part of the rows to keep for evaluation, such as 0.1",
        "--eval-share {share}: 평가용으로 떼어 둘 행의 비율을 0.1처럼 0과 1 사이로 쓰세요",
    ),
    Text(
        "{rows} rows at an eval share of {share}: none is left for {side}{held}; use another share or more rows",
        (
            "행 {rows}개를 평가 비율 {share:으로/로} 나누면 {side:t}에 남는 행이 없습니다{held:t}. 비율을 바꾸거나 "
            "행을 늘리세요"
        ),
    ),
    Text("training", "학습"),
    Text(
        " ({kept} of them are kept together in {groups} groups)",
        " ({kept}개는 서로 같거나 비슷해 {groups}묶음으로 함께 둠)",
    ),
    Text("{folds} folds: use 2 or more", "--folds {folds}: 2 이상으로 쓰세요"),
    Text(
        "{rows} rows are too few for {folds} folds{held}; use fewer folds or more rows",
        "행 {rows}개로는 폴드 {folds}개를 채울 수 없습니다{held:t}. 폴드를 줄이거나 행을 늘리세요",
    ),
    Text(
        "{place}: {reason}: {detail} (and {others} more); mend the rows or set data.on_bad_rows=drop",
        (
            "{place}: {reason:t}: {detail:t}(그 밖에 {others}개 더). 행을 고치거나 data.on_bad_rows=drop으로 빼고 "
            "진행하세요"
        ),
    ),
    Text(
        "{place}: {reason}: {detail}; mend the rows or set data.on_bad_rows=drop",
        "{place}: {reason:t}: {detail:t}. 행을 고치거나 data.on_bad_rows=drop으로 빼고 진행하세요",
    ),
    Text(
        "{place}: {reason} (and {others} more); mend the rows or set data.on_bad_rows=drop",
        "{place}: {reason:t}(그 밖에 {others}개 더). 행을 고치거나 data.on_bad_rows=drop으로 빼고 진행하세요",
    ),
    Text(
        "{place}: {reason}; mend the rows or set data.on_bad_rows=drop",
        "{place}: {reason:t}. 행을 고치거나 data.on_bad_rows=drop으로 빼고 진행하세요",
    ),
    Text("{place}: {reason} in the header: {detail}", "{place}: 머리글 줄: {reason:t}: {detail:t}"),
    Text(
        "{place}: NUL characters in the header; save the file as UTF-8 text",
        "{place}: 머리글 줄에 NUL 문자가 있습니다. UTF-8 텍스트로 저장하세요",
    ),
    Text(
        "{name}: cannot be decoded: {faults}; save the file as UTF-8, or name its encoding with data.encoding",
        "{name}: 글자를 읽을 수 없습니다({faults:t}). UTF-8로 저장하거나 data.encoding으로 인코딩을 알려 주세요",
    ),
    Text(
        (
            "{name}: not text, but by its first bytes a document such as .xlsx, .docx, .hwp or .pdf; open it in its "
            "program and save it as CSV (UTF-8) or .txt"
        ),
        (
            "{name}: 이름과 달리 .xlsx, .docx, .hwp, .pdf 같은 문서 파일입니다. 원래 프로그램에서 열어 CSV(UTF-8)나 "
            ".txt로 저장하세요"
        ),
    ),
    Text("{codec} fails at byte {byte} (line {line})", "{codec:으로/로}는 {byte}번째 바이트({line}번째 줄)에서 실패"),
    Text(
        "{a} fails at byte {b} (line {c}), {d} fails at byte {e} (line {f})",
        "{a:으로/로}는 {b}번째 바이트({c}번째 줄), {d:으로/로}는 {e}번째 바이트({f}번째 줄)에서 실패",
    ),
    Text(
        "{name}: UTF-16 text without a mark; save the file as UTF-8, or say data.encoding={codec}",
        "{name}: 표식(BOM) 없는 UTF-16입니다. UTF-8로 저장하거나 data.encoding={codec:을/를} 지정하세요",
    ),
    Text(
        "{name}: ISO-2022 text (escape sequences); save the file as UTF-8",
        "{name}: ISO-2022(이스케이프 문자열)입니다. UTF-8로 저장하세요",
    ),
    Text(
        (
            "{place}: not UTF-8, and no Korean in CP949, but perhaps {what} (curly quotes, accents); save the file as "
            "UTF-8, or say data.encoding={codec}"
        ),
        (
            "{place}: UTF-8이 아니고 CP949로 읽으면 한국어가 아닙니다. {what}(둥근 따옴표, 악센트)일 수 있습니다. "
            "UTF-8로 저장하거나 data.encoding={codec:을/를} 지정하세요"
        ),
    ),
    Text(
        "{place}: not UTF-8, and no Korean in CP949; save the file as UTF-8, or try {settings}",
        (
            "{place}: UTF-8이 아니고 CP949로 읽으면 한국어가 아닙니다. UTF-8로 저장하거나 다음 인코딩으로 읽어 보세요: "
            "{settings}"
        ),
    ),
    Text(
        (
            "{place}: not UTF-8, and no Korean in CP949; mend the line, or save the file as UTF-8, or name its "
            "encoding with data.encoding"
        ),
        (
            "{place}: UTF-8이 아니고 CP949로 읽으면 한국어가 아닙니다. 줄을 고치거나, UTF-8로 저장하거나, "
            "data.encoding으로 인코딩을 알려 주세요"
        ),
    ),
    Text(
        (
            "{name}: {size} bytes, and a .json file is read as a whole ({most} at most); write it as .jsonl, one "
            "object a line, which is read line by line"
        ),
        (
            "{name}: {size}바이트입니다. .json 파일은 통째로 읽기 때문에 {most}바이트까지만 됩니다. 한 줄에 객체 "
            "하나씩 .jsonl로 쓰면 한 줄씩 읽습니다"
        ),
    ),
    Text(
        "{name}: is a list of rows by itself; leave data.records={records} out",
        "{name}: 파일 전체가 행 목록입니다. data.records={records} 설정을 빼세요",
    ),
    Text(
        "{name}: expected a list of objects, or an object with one list, not a single value",
        "{name}: 객체 목록이나 목록 하나를 담은 객체여야 하는데 값이 하나뿐입니다",
    ),
    Text(
        "{name}: no list data.records={records}; {lists}", "{name}: data.records={records} 목록이 없습니다. {lists:t}"
    ),
    Text("its lists are {names}", "있는 목록: {names}"),
    Text("it has no list", "목록이 하나도 없습니다"),
    Text(
        (
            "{name}: expected a list of objects, or an object with one list, not an object with the lists {names}; "
            "name one with data.records={one} or another"
        ),
        (
            "{name}: 객체 목록이나 목록 하나를 담은 객체여야 하는데 목록이 여럿입니다({names}). "
            "data.records={one}처럼 하나를 지정하세요"
        ),
    ),
    Text(
        "{name}: expected a list of objects, or an object with one list, not an object with the lists {names}",
        "{name}: 객체 목록이나 목록 하나를 담은 객체여야 하는데 목록이 여럿입니다({names})",
    ),
    Text(
        "{name}: expected a list of objects, or an object with one list, not an object without a list{more}",
        "{name}: 객체 목록이나 목록 하나를 담은 객체여야 하는데 목록이 없습니다{more}",
    ),
    Text("{name}: not a Parquet file ({why})", "{name}: Parquet 파일이 아닙니다({why})"),
    Text(
        "{name}: unpacks to more than {times} times its size after row {row}",
        "{name}: {row}번째 행 뒤에서 압축을 풀면 파일의 {times}배가 넘습니다. 압축을 덜 한 파일을 쓰세요",
    ),
    Text("{name}: unreadable after row {row} ({why})", "{name}: {row}번째 행 뒤를 읽을 수 없습니다({why})"),
    Text(
        "{name}: {count} columns, {most} at most; leave out those that are not needed",
        "{name}: 열이 {count}개입니다. {most}개까지만 되니 필요 없는 열을 빼세요",
    ),
    Text(
        (
            "{source}: {setting} holds {kind}, and settings are written to run.json and shown in reports; tokens come "
            "from the environment (HF_TOKEN, WANDB_API_KEY) or from `hf auth login`"
        ),
        (
            "{source:t}: {setting}에 {kind:t:이/가} 들어 있습니다. 설정은 run.json과 보고서에 그대로 적히니, 토큰은 "
            "환경 변수(HF_TOKEN, WANDB_API_KEY)나 `hf auth login`으로 넣으세요"
        ),
    ),
    Text("a Hugging Face token", "Hugging Face 토큰"),
    Text("a W&B key", "W&B 키"),
    Text("an API key", "API 키"),
    Text("a GitHub token", "GitHub 토큰"),
    Text("an AWS key", "AWS 키"),
    Text("a Google key", "Google 키"),
    Text("a Slack token", "Slack 토큰"),
    Text("a JSON web token", "JSON 웹 토큰"),
    Text("a private key", "비밀 키"),
    Text("a password in an address", "주소에 든 비밀번호"),
    Text("an Authorization header", "Authorization 헤더"),
    Text(
        (
            "{source}: model.trust_remote_code = true: a file can't let a checkpoint's code run; if you trust the "
            "checkpoint, say model.trust_remote_code=true on the command line"
        ),
        (
            "{source}: model.trust_remote_code = true: 설정 파일로는 체크포인트의 코드를 실행할 수 없습니다. 믿을 수 "
            "있는 체크포인트라면 명령줄에 model.trust_remote_code=true를 쓰세요"
        ),
    ),
    Text("{text} (and {count} more)", "{text:t}(그 밖에 {count}개 더)"),
)
