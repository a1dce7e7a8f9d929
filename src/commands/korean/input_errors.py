"""Errors of configs, data and files that the user can mend.

How the halves are read: `src/commands/speech.py`.
"""

from ...bilingual import Text

INPUT_ERRORS = (
    Text(
        "the studio needs {name}: pip install 'yoyak[studio]'",
        "스튜디오에는 {name}이(가) 필요합니다: pip install 'yoyak[studio]'",
    ),
    Text("--runs {place}: is a file; name the folder of runs", "--runs {place}: 파일입니다. 실행 폴더를 알려 주세요"),
    Text("{name} can't be set here: {why}", "{name:은/는} 여기서 정할 수 없습니다: {why:t}"),
    Text("only the command line turns it on", "명령줄에서만 켤 수 있습니다"),
    Text(
        "the studio's folder of runs is given at its start, by --runs",
        "스튜디오의 실행 폴더는 시작할 때 --runs로 정합니다",
    ),
    Text("; did you mean '{name}'?", " ('{name}'인가요?)"),
    Text("{file}: Permission denied", "{file}: 권한이 없습니다"),
    Text("{file}: No space left on device", "{file}: 디스크에 남은 공간이 없습니다"),
    Text("{file}: Is a directory", "{file}: 파일이 아니라 폴더입니다"),
    Text("{file}: Not a directory", "{file}: 폴더가 아닙니다"),
    Text("{file}: Read-only file system", "{file}: 읽기 전용이라 쓸 수 없습니다"),
    Text(
        "the working folder has been removed; change to one that is there",
        "현재 폴더가 삭제되었습니다. 다른 폴더로 이동하세요",
    ),
    Text(
        "no folder takes temporary files ({why}); free one or set TMPDIR",
        "임시 파일을 쓸 수 있는 폴더가 없습니다({why}). 공간을 비우거나 TMPDIR을 지정하세요",
    ),
    Text(
        "{path}: belongs to another user and is in the way; have it removed, or use another folder",
        "{path}: 다른 사용자의 파일이라 쓸 수 없습니다. 지워 달라고 하거나 다른 폴더를 쓰세요",
    ),
    Text(
        "command line: {word}: not UTF-8 text; write it in UTF-8, or rename the file that it names",
        "명령줄: {word}: UTF-8이 아닙니다. UTF-8로 쓰거나, 파일 이름이라면 바꾸세요",
    ),
    Text(
        (
            "the output's encoding ({encoding}) lacks characters, which were printed as escapes such as \\uac00; set "
            "PYTHONIOENCODING=utf-8 or pass --out FILE"
        ),
        (
            "출력 인코딩({encoding})으로 쓸 수 없는 글자를 \\uac00처럼 바꿔 출력했습니다. PYTHONIOENCODING=utf-8을 "
            "지정하거나 --out FILE을 쓰세요"
        ),
    ),
    Text("--lang {language}: choose en or ko", "--lang {language}: en과 ko 가운데 고르세요"),
    Text(
        "no config '{name}': neither a YAML file nor a name in {roots}{hint}",
        "'{name}' 설정이 없습니다. YAML 파일도 아니고 {roots:,}에 있는 이름도 아닙니다{hint:t}",
    ),
    Text(
        "lora.use_qlora without lora.use_lora: 4-bit weights can't be trained; leave one out",
        "lora.use_lora 없이 lora.use_qlora만 켰습니다. 4비트 가중치는 학습할 수 없으니 하나를 빼세요",
    ),
    Text(
        "use_qlora without use_lora: 4-bit weights can't be trained; set lora.use_qlora=false",
        "use_lora 없이 use_qlora만 켰습니다. 4비트 가중치는 학습할 수 없으니 lora.use_qlora=false로 두세요",
    ),
    Text("{source}: _base_ leads in a circle: {circle}", "{source}: _base_가 서로를 가리킵니다: {circle}"),
    Text(
        "{source}: _base_ '{value}' does not exist: no file {path}",
        "{source}: _base_ '{value}'에 해당하는 파일 {path:이/가} 없습니다",
    ),
    Text(
        "{source}: _base_ '{value}': must be a .yaml or .yml file",
        "{source}: _base_ '{value}': .yaml이나 .yml 파일이어야 합니다",
    ),
    Text(
        "{place}: broken YAML at column {column}: {problem}",
        "{place}: {column}번째 칸에서 YAML 문법이 잘못되었습니다: {problem:t}",
    ),
    Text("{source}: the value cannot be read: {problem}", "{source}: 값을 읽을 수 없습니다: {problem}"),
    Text(
        "{place}: expected sections with keys, such as 'training:', at the top",
        "{place}: 맨 위에는 'training:'처럼 키를 담은 묶음이 와야 합니다",
    ),
    Text(
        "{source}: {text}: write section.key=value, such as training.batch_size=4",
        "{source:t}: {text}: training.batch_size=4처럼 묶음.키=값으로 쓰세요",
    ),
    Text(
        "{source}: '{name}' is a section; set one of its keys, such as {example}=...",
        "{source:t}: '{name}'{name:-은/는} 묶음입니다. {example}=...처럼 그 안의 키를 지정하세요",
    ),
    Text("{source}: unknown key '{name}'{hint}", "{source:t}: '{name}'{name:-이라는/라는} 설정은 없습니다{hint:t}"),
    Text(
        "{source}: {name} = {value}: must be a section with keys below it",
        "{source:t}: {name} = {value}: 아래에 키가 있는 묶음이어야 합니다",
    ),
    Text(
        "{path}: larger than {size} KiB, so it is no config; check the path",
        "{path}: {size} KiB보다 커서 설정 파일로 볼 수 없습니다. 경로를 확인하세요",
    ),
    Text("{place}: cannot be read: {why}", "{place}: 읽을 수 없습니다: {why:t}"),
    Text("{place}: not UTF-8 text; save the file as UTF-8", "{place}: UTF-8이 아닙니다. 파일을 UTF-8로 저장하세요"),
    Text(
        "{place}: '{key}' is set twice, first in line {line}; keep one",
        "{place}: '{key}'{key:-이/가} 두 번 나옵니다(처음은 {line}번째 줄). 하나만 남기세요",
    ),
    Text("{source}: {setting} = {value}: {rule}", "{source:t}: {setting} = {value}: {rule:t}"),
    Text(
        "{place}: {setting} is not set; set it there or name a _base_ that does",
        "{place}: {setting} 설정이 없습니다. 파일에 쓰거나 그 설정이 있는 _base_를 지정하세요",
    ),
    Text("{place}: {rule}", "{place}: {rule:t}"),
    Text("command line", "명령줄"),
    Text("a file could not be read or written: {why}", "파일을 읽거나 쓸 수 없습니다: {why:t}"),
    Text(" (and {count} more)", "(그 밖에 {count}개 더)"),
    Text("save the sheet as CSV (UTF-8)", "시트를 CSV(UTF-8)로 저장하세요"),
    Text("save it as .txt", ".txt로 저장하세요"),
    Text("convert the file", "파일을 변환하세요"),
    Text("'{one}' files", "'{one}' 파일"),
    Text("files without a suffix", "확장자 없는 파일"),
    Text("an alias stands inside of what it names", "별칭이 자기 자신을 담고 있습니다"),
    Text("takes more than {number} seconds", "{number}초가 넘게 걸립니다"),
    Text("takes more than {number} MiB", "메모리를 {number} MiB 넘게 씁니다"),
    Text("more than {number} levels", "{number}단계보다 깊습니다"),
    Text("more than {number} values", "값이 {number}개보다 많습니다"),
    Text("; _base_ belongs at the top of the file", ". _base_는 파일 맨 위에 쓰세요"),
    Text("the character {one} is not allowed", "{one:은/는} 쓸 수 없는 글자입니다"),
    Text("; known here: {names}", ". 여기에 있는 것: {names}"),
    Text("; known names: {names}", ". 쓸 수 있는 이름: {names}"),
    Text("No such file or directory", "파일이나 폴더가 없습니다"),
    Text("Permission denied", "권한이 없습니다"),
    Text("Is a directory", "파일이 아니라 폴더입니다"),
    Text(
        "{source}: no column {names}; its columns are {columns}; use {hints}",
        "{source}: {names:t} 열이 없습니다. 있는 열은 {columns}입니다. {hints:처럼} 알려 주세요",
    ),
    Text(
        (
            "{source}: no column {names}; its first line is {columns}; if that is a title, delete the lines above the "
            "names of the columns"
        ),
        "{source}: {names:t} 열이 없습니다. 첫 줄은 {columns}입니다. 제목이라면 열 이름 위의 줄을 지우세요",
    ),
    Text("{source}: no usable row ({counts})", "{source}: 쓸 수 있는 행이 없습니다({counts:t})"),
    Text("{source}: a header but no rows", "{source}: 열 이름만 있고 행이 없습니다"),
    Text("{source}: no rows", "{source}: 행이 없습니다"),
    Text(
        "{source}: one column, with {mark} in its name; separate by commas (.csv) or tabs (.tsv)",
        "{source}: 열이 하나뿐이고 이름에 {mark:이/가} 들어 있습니다. 쉼표(.csv)나 탭(.tsv)으로 나누세요",
    ),
    Text("{source}: cannot be read ({why})", "{source}: 읽을 수 없습니다({why:t})"),
    Text("'{a}' and '{b}'", "'{a}', '{b}'"),
    Text(
        "{source}: the column '{column}' occurs twice; rename one",
        "{source}: '{column}' 열이 두 개입니다. 하나의 이름을 바꾸세요",
    ),
    Text(
        "{source}: {count} columns have no name; name them, or delete them where they are empty",
        "{source}: 이름 없는 열이 {count}개 있습니다. 이름을 붙이거나, 비어 있으면 지우세요",
    ),
    Text("{source}: no such file{hint}", "{source}: 파일이 없습니다{hint:t}"),
    Text(
        "{hint}; name your own with data.{setting}=FILE, or try the shipped sample: data.{again}={sample}",
        "{hint:t}. data.{setting}=파일로 내 파일을 지정하거나 예시로 해 보세요: data.{again}={sample}",
    ),
    Text(
        "; name your own with data.{setting}=FILE, or try the shipped sample: data.{again}={sample}",
        ". data.{setting}=파일로 내 파일을 지정하거나 예시로 해 보세요: data.{again}={sample}",
    ),
    Text(
        "{source}: no such file{hint}; a dialogue has speakers, such as 'A: hello'",
        "{source}: 그런 파일이 없습니다{hint:t}. 대화를 바로 쓰려면 'A: 안녕'처럼 말하는 사람을 적으세요",
    ),
    Text(
        "{source}: no such file, and no folder '{folder}'{hint}",
        "{source}: 파일이 없고 '{folder}' 폴더도 없습니다{hint:t}",
    ),
    Text(
        "{source}: a folder; name a file in it, such as {file}",
        "{source}: 폴더입니다. {file:처럼} 그 안의 파일을 지정하세요",
    ),
    Text("{source}: a folder; name a file in it", "{source}: 폴더입니다. 그 안의 파일을 지정하세요"),
    Text("{source}: not a regular file", "{source}: 일반 파일이 아닙니다"),
    Text("{source}: no such sample; there are {names}", "{source}: 그런 예시 파일은 없습니다. 있는 것은 {names}입니다"),
    Text(
        "{source}: needs the datasets package; pip install datasets, or download a file and name its path",
        "{source}: datasets 패키지가 필요합니다. pip install datasets를 실행하거나, 파일을 내려받아 경로를 지정하세요",
    ),
    Text(
        "{source}: cannot be loaded ({why}); check name, split and network, or name a local file",
        "{source}: 불러올 수 없습니다({why}). 이름과 split, 네트워크를 확인하거나 내려받은 파일을 지정하세요",
    ),
    Text(
        ("{name}: is UTF-8, not data.encoding={encoding}; leave data.encoding out, or save all files in one encoding"),
        (
            "{name}: data.encoding={encoding:이/가} 아니라 UTF-8입니다. data.encoding을 빼거나 모든 파일을 한 "
            "인코딩으로 저장하세요"
        ),
    ),
    Text(
        "{name}: is not data.encoding={encoding}: {why}; name another",
        "{name}: data.encoding={encoding:이/가} 아닙니다: {why}. 다른 인코딩을 지정하세요",
    ),
    Text(
        "{name}: UTF-16 text; save the file as UTF-8, or say data.encoding=utf-16",
        "{name}: UTF-16입니다. UTF-8로 저장하거나 data.encoding=utf-16을 지정하세요",
    ),
    Text(
        "{name}: mixed encodings: line {a} is UTF-8, line {b} is not; save its parts as UTF-8 before you join them",
        (
            "{name}: 인코딩이 섞여 있습니다. {a}번째 줄은 UTF-8인데 {b}번째 줄은 아닙니다. 합치기 전에 모두 UTF-8로 "
            "저장하세요"
        ),
    ),
    Text(
        "{name}: cannot read {kind}, only {suffixes}; {advice}",
        "{name}: {kind:t}은 읽을 수 없습니다({suffixes}만 읽습니다). {advice:t}",
    ),
    Text("{name}: the file is empty", "{name}: 파일이 비어 있습니다"),
    Text(
        "{name}:{line}: not valid JSON: {message} (column {column})",
        "{name}:{line}: JSON 문법이 잘못되었습니다: {message}({column}번째 칸)",
    ),
    Text("{name}: not valid JSON: {message}", "{name}: JSON 문법이 잘못되었습니다: {message}"),
    Text("{source}: the dialogue is empty", "{source}: 대화가 비어 있습니다"),
    Text("the dialogue is empty", "대화가 비어 있습니다"),
    Text(
        "{source}: NUL characters; save the file as UTF-8 text",
        "{source}: NUL 문자가 들어 있습니다. UTF-8 텍스트로 저장하세요",
    ),
    Text(
        "{source}: an address; download the file and name its path",
        "{source}: 웹 주소입니다. 파일을 내려받아 경로를 지정하세요",
    ),
    Text("{source}: cannot read .{kind} files; {advice}", "{source}: .{kind} 파일은 읽을 수 없습니다. {advice:t}"),
    Text(
        "{source}: more than {count} characters; one file holds one dialogue",
        "{source}: {count}자가 넘습니다. 파일 하나에 대화 하나만 넣으세요",
    ),
    Text(
        "{source}: no .txt file in this folder; put one dialogue into each",
        "{source}: 폴더에 .txt 파일이 없습니다. 파일 하나에 대화 하나씩 넣으세요",
    ),
    Text(
        "--out {path}: is there already; pass --overwrite to replace it",
        "--out {path}: 이미 있습니다. 덮어쓰려면 --overwrite를 붙이세요",
    ),
    Text(
        "{path}: is there already{more}; add --overwrite, or name another place with --out",
        "{path}: 이미 있습니다{more:t}. --overwrite를 붙이거나 --out으로 다른 곳을 지정하세요",
    ),
    Text(
        "{path}: cannot be written ({why}); name another place with --out",
        "{path}: 쓸 수 없습니다({why:t}). --out으로 다른 곳을 지정하세요",
    ),
    Text(
        "--out {path}: is the input itself; name another file", "--out {path}: 입력 파일입니다. 다른 파일을 지정하세요"
    ),
    Text(
        "--out {path}: name a file that ends in {suffixes}", "--out {path}: {suffixes:으로/로} 끝나는 파일을 지정하세요"
    ),
    Text(
        "the input has the columns summary and generated_summary already; rename or leave out one",
        "입력에 summary와 generated_summary 열이 이미 있습니다. 하나를 빼거나 이름을 바꾸세요",
    ),
    Text(
        "{source}: _base_ leads to more than {count} files; name fewer",
        "{source}: _base_로 이어지는 파일이 {count}개가 넘습니다. 줄이세요",
    ),
    Text("{place}: {reason}; write the settings out", "{place}: {reason:t}. 설정을 풀어서 쓰세요"),
    Text("{place}: a key must be a single word", "{place}: 키는 한 낱말이어야 합니다"),
    Text(
        "{place}: _base_ must be the path of a YAML file, or a list of paths",
        "{place}: _base_에는 YAML 파일의 경로나 경로 목록을 쓰세요",
    ),
    Text(
        "{name}: data.records={records} is for .json files; leave it out",
        "{name}: data.records={records:은/는} .json 파일에만 씁니다. 빼세요",
    ),
    Text(
        "{name}: more than {count} rows, which the memory may not hold; split the file",
        "{name}: 행이 {count}개가 넘어 메모리에 들어가지 않을 수 있습니다. 파일을 나누세요",
    ),
    Text(
        "{name}: name a file; load_dataset(...).to_json('rows.jsonl') of datasets writes one",
        "{name}: 파일을 지정하세요. datasets의 load_dataset(...).to_json('rows.jsonl')으로 만들 수 있습니다",
    ),
    Text(
        "the rows do not fit into Parquet columns ({why}); write .jsonl instead",
        "행을 Parquet 열로 쓸 수 없습니다({why}). .jsonl로 쓰세요",
    ),
)
