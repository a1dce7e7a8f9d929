"""What is wrong with a row of a file, and notes of what was read.

How the halves are read: `src/commands/speech.py`.
"""

from ...bilingual import Text

ROW_NOTES = (
    Text(
        "eval: %d of %d dialogues are in the training data too, so that its scores are too good",
        "eval: 대화 %d/%d개가 학습 데이터에도 있어 점수가 실제보다 높게 나옵니다",
    ),
    Text(
        "{source}: {count} of {all} dialogues are in the training data too, so that its scores are too good",
        "{source}: 대화 {count}/{all}개가 학습 데이터에도 있어 점수가 실제보다 높게 나옵니다",
    ),
    Text("the row is empty", "빈 행"),
    Text("empty dialogue", "빈 대화"),
    Text("empty summary", "빈 요약"),
    Text("no dialogue", "대화 없음"),
    Text("no summary", "요약 없음"),
    Text("not text", "글이 아님"),
    Text("repeated id", "겹치는 id"),
    Text("{id} is that of {unit} {first} too", "{id:은/는} {first}번째 {unit:t}에도 있음"),
    Text("repeated column", "두 번 나온 열"),
    Text("{name}, written in two ways", "{name}, 두 가지로 적혀 있음"),
    Text("wrong number of fields", "칸 수가 다름"),
    Text("{number} instead of {count}", "{number}칸(열은 {count}개)"),
    Text("broken JSON", "잘못된 JSON"),
    Text("{message}, column {number}", "{message}({number}번째 칸)"),
    Text("not an object", "객체가 아님"),
    Text("a JSON {one}", "JSON {one} 값"),
    Text("broken quoting", "따옴표가 잘못됨"),
    Text("{fault}; lines {number} to {count}", "{fault:t}({number}~{count}번째 줄)"),
    Text(
        "a quote is opened and not closed up to the file's end in line {number}",
        "{number}번째 줄에서 연 따옴표가 파일 끝까지 닫히지 않음",
    ),
    Text(
        "a quote is opened and not closed in this line, and the lines behind it are rows",
        "이 줄에서 연 따옴표가 닫히지 않는데 다음 줄들은 행임",
    ),
    Text(
        "text after a closing quote in line {number} (quotes inside a quoted field are doubled)",
        "{number}번째 줄의 닫는 따옴표 뒤에 글이 있음(칸 안의 따옴표는 두 번 씁니다)",
    ),
    Text("a quote is closed in line {number} that was not opened", "{number}번째 줄에서 열지 않은 따옴표를 닫음"),
    Text("column '{column}' holds {what}", "'{column}' 열에 {what:t:이/가} 들어 있음"),
    Text("column '{column}' holds a {one}", "'{column}' 열에 {one:이/가} 들어 있음"),
    Text("NUL character", "NUL 문자"),
    Text("in column '{column}'", "'{column}' 열"),
    Text("broken character", "깨진 글자"),
    Text("a lone surrogate in column '{column}'", "'{column}' 열에 짝 없는 서로게이트"),
    Text("a list with a {one} in it", "{one:이/가} 든 목록"),
    Text(
        "a list of objects without a usual key for a turn's text ({names})",
        "발화의 글을 담은 키({names})가 없는 객체 목록",
    ),
    Text("a turn whose '{key}' is a {one}", "'{key}' 값이 {one}인 발화"),
    Text("a part of type {type}", "종류가 {type}인 부분"),
    Text("a list with more than {count} parts", "부분이 {count}개가 넘는 목록"),
    Text("a list of objects that is no JSON", "JSON이 아닌 객체 목록"),
    Text("row too long", "너무 긴 행"),
    Text("more than {count} characters", "{count}자 초과"),
    Text(
        (
            "{name}: {rows} rows held decomposed characters (as macOS writes Hangul) or, in names, characters without "
            "width; they were composed (NFC)"
        ),
        "{name}: {rows}행에 풀어쓴 글자(macOS의 한글)나 이름에 폭 없는 글자가 있어 합쳤습니다(NFC)",
    ),
    Text(
        (
            "{name}: {rows} row held decomposed characters (as macOS writes Hangul) or, in names, characters without "
            "width; they were composed (NFC)"
        ),
        "{name}: {rows}행에 풀어쓴 글자(macOS의 한글)나 이름에 폭 없는 글자가 있어 합쳤습니다(NFC)",
    ),
    Text(
        (
            "{name}: the names of the columns {columns} held decomposed characters (as macOS writes Hangul) or, in "
            "names, characters without width; they were composed (NFC)"
        ),
        "{name}: 열 이름 {columns}에 풀어쓴 글자(macOS의 한글)나 폭 없는 글자가 있어 합쳤습니다(NFC)",
    ),
    Text(
        (
            "{name}: the names of the columns {columns} and {rows} rows held decomposed characters (as macOS writes "
            "Hangul) or, in names, characters without width; they were composed (NFC)"
        ),
        "{name}: 열 이름 {columns:과/와} {rows}행에 풀어쓴 글자(macOS의 한글)나 폭 없는 글자가 있어 합쳤습니다(NFC)",
    ),
    Text(
        (
            "{name}: the names of the columns {columns} and {rows} row held decomposed characters (as macOS writes "
            "Hangul) or, in names, characters without width; they were composed (NFC)"
        ),
        "{name}: 열 이름 {columns:과/와} {rows}행에 풀어쓴 글자(macOS의 한글)나 폭 없는 글자가 있어 합쳤습니다(NFC)",
    ),
    Text(
        "dialogues are read from {column}, a line a turn, such as {turn}, summaries from {other}",
        "대화는 {column}에서 한 줄에 발화 하나로({turn} 등), 요약은 {other}에서 읽습니다",
    ),
    Text(
        "dialogues are read from {column}, a line a turn, such as {turn}",
        "대화는 {column}에서 한 줄에 발화 하나로({turn} 등) 읽습니다",
    ),
    Text(
        (
            "{count} rows hold several messages of the user: the last one is read as the dialogue, the answer to it as "
            "the summary; where all messages are the dialogue, name their column with data.dialogue_column"
        ),
        (
            "사용자 메시지가 여럿인 행이 {count}개 있습니다. 마지막 사용자 메시지를 대화로, 그 답을 요약으로 읽습니다. "
            "메시지 전체가 대화라면 그 열을 data.dialogue_column으로 지정하세요"
        ),
    ),
    Text(
        (
            "{count} dialogues with \\n as two characters in place of line ends, read as one turn each: write real "
            "line ends, one turn a line"
        ),
        (
            "대화 {count}개에는 줄바꿈 대신 \\n이 두 글자로 적혀 있어 발화 하나로 읽습니다. 한 줄에 발화 하나씩 실제 "
            "줄바꿈으로 쓰세요"
        ),
    ),
    Text(
        (
            "1 dialogue or summary with the word {quoted} or the like, as programs write a missing one; leave the cell "
            "empty"
        ),
        "대화나 요약 1개에 {quoted} 같은, 값이 없을 때 프로그램이 쓰는 글만 있습니다. 칸을 비우세요",
    ),
    Text(
        (
            "{count} dialogues or summaries with the word {quoted} or the like, as programs write a missing one; leave "
            "the cell empty"
        ),
        ("대화나 요약 {count}개에 {quoted} 같은, 값이 없을 때 프로그램이 쓰는 글만 있습니다. 칸을 비우세요"),
    ),
    Text(
        "all summaries are {quoted}; name the column that is meant with data.summary_column",
        "요약이 모두 {quoted}입니다. 요약이 들어 있는 열을 data.summary_column으로 지정하세요",
    ),
    Text(
        (
            "all dialogues begin with {quoted}, which stays a part of them; if that is an instruction, leave it out: "
            "prompts have one of their own (dataset.instruction)"
        ),
        (
            "모든 대화가 {quoted}로 시작하고, 이 줄도 대화로 읽습니다. 지시문이라면 빼세요. 프롬프트에는 따로 지시문이 "
            "들어갑니다(dataset.instruction)"
        ),
    ),
    Text(
        "{count} look like one and stay as they are (line {lines})",
        "{count}개는 그렇게 보이지만 그대로 둠({lines}번째 줄)",
    ),
    Text(
        "{count} look like one and stay as they are (row {lines})",
        "{count}개는 그렇게 보이지만 그대로 둠({lines}번째 행)",
    ),
    Text("{count} rows, column names {columns}", "{count}행, 열 이름 {columns}"),
    Text("line", "줄"),
    Text("row", "행"),
    Text("entry", "항목"),
    Text(
        "exports are read as turns, such as {quoted}: {formats}",
        "내보낸 대화를 {quoted}처럼 발화로 읽습니다: {formats}",
    ),
    Text(
        "what looks like an export is not read and stays as it is ({where}); {advice}",
        "내보낸 대화로 보이지만 읽지 못해 그대로 둔 것이 있습니다({where:t}). {advice:t}",
    ),
    Text(
        "name the format with data.dialogue_format, or write turns ('name: words')",
        "data.dialogue_format으로 형식을 알려 주거나 '이름: 말' 꼴로 쓰세요",
    ),
    Text("write turns ('name: words')", "'이름: 말' 꼴로 쓰세요"),
    Text("line {number} and {count} more", "{number}번째 줄 외 {count}개"),
    Text("row {number} and {count} more", "{number}번째 행 외 {count}개"),
    Text("file {number} and {count} more", "{number}번째 파일 외 {count}개"),
    Text("line {number}", "{number}번째 줄"),
    Text("row {number}", "{number}번째 행"),
    Text(
        "{count} dialogues hold no message of {format}: left unchanged",
        "대화 {count}개에는 {format} 메시지가 없어 그대로 둡니다",
    ),
    Text(
        "A request's dialogue looks like an export and is taken as it is",
        "요청의 대화가 내보낸 파일처럼 보이지만 그대로 씁니다",
    ),
)
