"""Errors of the studio.

How the halves are read: `src/commands/speech.py`.
"""

from ...bilingual import Text

STUDIO_ERRORS = (
    Text(
        "the studio needs {one}: pip install 'yoyak[studio]'",
        "스튜디오에는 {one:이/가} 필요합니다: pip install 'yoyak[studio]'",
    ),
    Text(
        "--runs {path}: is a file; name the folder of runs",
        "--runs {path}: 파일입니다. 실행 결과가 모여 있는 폴더를 지정하세요",
    ),
    Text(
        "{path}: can't be read or written ({why}); set YOYAK_HOME to a folder of yours",
        "{path}: 읽거나 쓸 수 없습니다({why:t}). YOYAK_HOME을 내 폴더로 지정하세요",
    ),
    Text("{folder}: nothing can be started there ({why})", "{folder}: 쓸 수 없는 폴더라 시작하지 못했습니다({why:t})"),
    Text(
        "{folder}: its record names no command of yoyak that could go on; use the command line",
        "{folder}: 이어서 할 수 있는 yoyak 명령이 기록에 없습니다. 명령줄에서 이어서 하세요",
    ),
    Text(
        "{folder}: began with {word}, which the studio doesn't know; use the command line",
        "{folder}: 스튜디오가 모르는 {word:으로/로} 시작한 실행입니다. 명령줄에서 이어서 하세요",
    ),
    Text("{folder}: can't be moved into {bin} ({why})", "{folder}: {bin:으로/로} 옮길 수 없습니다({why:t})"),
    Text("{folder}: can't be kept as {kept} ({why})", "{folder}: {kept:으로/로} 남길 수 없습니다({why:t})"),
    Text("not all files can be copied", "복사할 수 없는 파일이 있습니다"),
    Text(
        "no config '{name}': neither a YAML file nor a name here; known names: {names}",
        "'{name}' 설정이 없습니다. YAML 파일도 아니고 여기 있는 이름도 아닙니다. 쓸 수 있는 이름: {names}",
    ),
    Text("no setting of a refining", "보상 학습의 설정이 아닙니다"),
    Text(
        "{folder}: is there already; set experiment.name=OTHER",
        "{folder}: 이미 있습니다. experiment.name=다른이름으로 바꾸세요",
    ),
    Text("{setting} can't be set here: {why}", "{setting:은/는} 여기에서 바꿀 수 없습니다: {why:t}"),
    Text(
        "{setting}: longer than {count} characters; put it into a YAML file",
        "{setting}: {count}자가 넘습니다. YAML 파일에 쓰세요",
    ),
    Text(
        "{file}: more than {count} rows to compare; yoyak data stats does that",
        "{file}: 비교할 행이 {count}개가 넘습니다. yoyak data stats를 쓰세요",
    ),
    Text("{folder}: has no final model yet", "{folder}: 최종 모델이 아직 없습니다"),
    Text(
        "{a} and {b}: no dialogue of which they have different summaries",
        "{a:과/와} {b}: 요약이 서로 다른 대화가 없습니다",
    ),
    Text("{path}: the vote can't be kept ({why})", "{path}: 고른 것을 저장할 수 없습니다({why:t})"),
    Text("--gpu {name}: no such card here", "--gpu {name}: 목록에 없는 GPU입니다"),
    Text(
        "{folder}: a run of this name waits in the queue; take it out, or set experiment.name=OTHER",
        "{folder}: 같은 이름의 실행이 대기열에 있습니다. 그 실행을 빼거나 experiment.name=다른이름으로 정하세요",
    ),
    Text(
        "the queue holds {count} runs; wait until some have ended, or take some out",
        "대기열에 실행이 {count}개 있습니다. 몇 개가 끝나기를 기다리거나 빼세요",
    ),
    Text("{file}: the queue can't be written ({why})", "{file}: 대기열을 저장할 수 없습니다({why:t})"),
    Text(
        "{option}: must be a number of at least 0, such as 0.8",
        "{option}: 0 이상의 수여야 합니다(예: 0.8)",
    ),
    Text(
        "--no-auth and a password ({variable} or --password) exclude each other; name one",
        "--no-auth와 비밀번호({variable} 또는 --password)는 함께 쓸 수 없습니다. 하나만 쓰세요",
    ),
    Text(
        "--no-auth: whoever reaches {host} could start programs as you; to mean that, say --no-auth twice",
        "--no-auth: {host}에 닿는 누구나 내 권한으로 프로그램을 시작할 수 있게 됩니다. 정말 그러려면 --no-auth를 두 번 "
        "적으세요",
    ),
    Text(
        "--host {host}: others reach this address; set a password in {variable}, or say --password (or, to let "
        "everyone in, --no-auth --no-auth)",
        "--host {host}: 다른 컴퓨터에서도 들어올 수 있는 주소입니다. {variable}에 비밀번호를 정하거나 --password를 "
        "붙이세요(누구나 들어오게 하려면 --no-auth --no-auth)",
    ),
    Text(
        "--name: only this machine reaches {host}, by its own names; set a password in {variable} (behind a proxy), "
        "name another --host, or leave --name out",
        "--name: {host}에는 이 컴퓨터만 자기 이름으로 들어옵니다. {variable}에 비밀번호를 정하거나(프록시 뒤) 다른 "
        "--host를 지정하거나 --name을 빼세요",
    ),
    Text(
        "--password: there is no terminal to ask at; set {variable}",
        "--password: 물어볼 터미널이 없습니다. {variable:을/를} 정하세요",
    ),
    Text("{option}: must have at least {count} characters", "{option}: {count}자 이상이어야 합니다"),
    Text(
        "the run's record holds settings that this version doesn't know",
        "이 버전이 모르는 설정이 실행 기록에 있습니다",
    ),
    Text("{folder}: there is no run to go on with", "{folder}: 이어서 할 실행이 없습니다"),
)
