"""The lines of each kind of export: where a message begins, what is a date, what the tool says itself."""

import re
from dataclasses import dataclass

from .days import CLOCK, DATE

_NAME = r"(?P<name>[^\n]{1,80}?)"
_PLAIN_NAME = r"(?P<name>[^:\n]{1,80}?)"  # an export that ends names with a colon has none in them
_DAY = rf"(?P<day>{DATE})"
_TEXT = r"(?P<text>.*)"
_NEVER = r"(?!)"


@dataclass(frozen=True)
class ChatFormat:
    """How one kind of export is written, line by line; each pattern matches from the start of a line.

    Attributes:
        name: the value of `data.dialogue_format`.
        title: how sentences call it.
        starts: where a message begins: groups `name`, perhaps `day` and the first line of its `text`.
        header: lines before the first message that are no message, and show what the file is.
        day: a line that is a date, in the group `day`.
        notice: lines that the tool says itself.
        left_out: texts of messages that hold no words: deleted ones, stickers, calls.
        media: texts that stand for a photo, a video or a file; they are kept in brackets.
        tail: what ends a message's words: the lines after it, up to the next message, are left out.
        joins_turns: successive pieces of one speaker are one turn, as of speech that was written down.
    """

    name: str
    title: str
    starts: tuple[re.Pattern[str], ...]
    header: re.Pattern[str]
    day: re.Pattern[str] = re.compile(_NEVER)
    notice: re.Pattern[str] = re.compile(_NEVER)
    left_out: re.Pattern[str] = re.compile(_NEVER)
    media: re.Pattern[str] = re.compile(_NEVER)
    tail: re.Pattern[str] = re.compile(_NEVER)
    joins_turns: bool = False


def _patterns(*patterns: str) -> tuple[re.Pattern[str], ...]:
    return tuple(map(re.compile, patterns))


_KAKAO_DAY = (
    r"(?P<day>\d{4}년 \d{1,2}월 \d{1,2}일|\d{4}\. ?\d{1,2}\. ?\d{1,2}\.|[A-Z][a-z]{2,8} \d{1,2}, \d{4})(?:,| at)?"
)
_CALL = r"(?:해요|취소|부재중|응답 ?없음|거절|시작|참여|종료|(?:\d+:)?\d{1,2}:\d\d)"  # other words are someone's
KAKAOTALK = ChatFormat(
    "kakaotalk",
    "KakaoTalk",
    starts=_patterns(
        rf"\[{_NAME}\] \[{CLOCK}\](?: {_TEXT}|$)",  # PC, and what is copied from the app
        rf"{_KAKAO_DAY} {CLOCK}, {_NAME} : ?{_TEXT}",  # Android, iOS
        rf"(?:오전|오후) \d{{1,2}}:\d\d, {_NAME} : ?{_TEXT}",
    ),
    header=re.compile(
        r"\S.{0,200}카카오톡 대화\s*$|저장한 날짜\s*:|대화상대\s*:|Date Saved\s*:|Saved Date\s*:|KakaoTalk Chats with "
        r"|.{1,200}KakaoTalk Chats?\b|Talk_.{1,100}\.txt$|타인, 기관 등의 사칭|운영정책"
    ),
    day=re.compile(rf"(?:-{{3,}} *)?{_DAY}(?:(?: at)? {CLOCK})?(?: *-{{3,}})?\s*$|-{{3,}}\s*$"),
    notice=re.compile(
        r".{1,80}님이 (?:들어왔습니다|나갔습니다|입장했습니다|퇴장했습니다|부?방장이 되었습니다)\.?"
        r"(?: ?(?:타인|운영정책|불법).*)?$"
        r"|(?=.{1,80}님이 ).{2,160}(?:님|명)을 (?:초대(?:하였|했)습니다|내보냈습니다)\.?$|.{1,80}님을 내보냈습니다\.?$"
        r"|채팅방 관리자가 메시지를 가렸습니다|불법촬영물등 식별|타인, 기관 등의 사칭|운영정책을 위반한"
        r"|.{1,80} (?:joined|left) (?:this|the) chatroom\.$|.{1,80} invited .{1,160} to (?:this|the) chatroom\.$"
        rf"|{_KAKAO_DAY} {CLOCK}[,:] .*$"
    ),
    left_out=re.compile(
        r"(?:삭제된 메시지입니다\.?|메시지가 삭제되었습니다\.?|\(?이모티콘\)?"
        rf"|This message was deleted\.?|Emoticons?|Sticker|(?:보이스톡|페이스톡|그룹콜|라이브톡) {_CALL}\.?)$"
    ),
    media=re.compile(r"(?:사진(?: \d+장)?|동영상|음성메시지|Photo|\d+ photos|Video|Voice message|파일: .*|File: .*)$"),
)

_WHATSAPP_STAMP = rf"(?:\[(?:{DATE}),? {CLOCK}\]|(?:{DATE}),? {CLOCK} [-–])"
_NO_NOTICE = r"(?![^:\n]{1,80} (?:changed|created|added|removed) )"  # `Ana created group "Trip: Lisbon"`
_ENCRYPTED = r"Messages (?:and calls are|to this (?:chat|group)) .*encrypt"
WHATSAPP = ChatFormat(
    "whatsapp",
    "WhatsApp",
    starts=_patterns(
        rf"\[{_DAY},? {CLOCK}\] {_PLAIN_NAME}: ?{_TEXT}",  # iOS
        rf"{_DAY},? {CLOCK} [-–] {_NO_NOTICE}{_PLAIN_NAME}: ?{_TEXT}",  # Android
    ),
    header=re.compile(rf"{_WHATSAPP_STAMP} {_ENCRYPTED}"),
    notice=re.compile(rf"{_WHATSAPP_STAMP}(?: |$)"),
    left_out=re.compile(
        r"(?:This message was deleted|You deleted this message|삭제된 메시지입니다|이 메시지는 삭제되었습니다)\.?$"
        rf"|(?:sticker omitted|null|Missed (?:voice|video) call.*)$|{_ENCRYPTED}"
    ),
    media=re.compile(
        r"<Media omitted>$|<미디어 .{1,40}>$|.{1,10} 생략됨$|<attached: .*>$"
        r"|(?:image|video|audio|GIF|document|Contact card) omitted$"
        r"|.{1,200} \(file attached\)$|.{1,200}\bdocument omitted$"
    ),
)

DISCORD = ChatFormat(
    "discord",
    "Discord",
    starts=_patterns(
        rf"\[{_DAY},? {CLOCK}\] {_PLAIN_NAME}(?: \(pinned\))?$",  # DiscordChatExporter
        rf"{_NAME} ?— ?(?P<day>{DATE}|(?:Today|Yesterday)(?= at))(?:,| at)? {CLOCK}$",  # copied from the app
    ),
    header=re.compile(r"={20,}$|(?:Guild|Channel|Topic|After|Before): |Exported [\d,]+ message"),
    notice=re.compile(r"={20,}$|Exported [\d,]+ message"),
    left_out=re.compile(
        r"(?:Joined the server|Pinned a message|Started a thread|Left the group|Added .{1,80} to the group"
        r"|Removed .{1,80} from the group|Changed the channel (?:name|icon).*|Started a call that lasted .{1,20})\.?$"
    ),
    tail=re.compile(r"\{(?:Attachments|Embed|Embeds|Stickers|Reactions)\}$"),
)

_LONG_STAMP = r"\d{1,2}:\d\d:\d\d"
ZOOM = ChatFormat(
    "zoom",
    "Zoom",
    starts=_patterns(
        rf"(?:{_DAY}\s+)?{_LONG_STAMP}\s+(?:From|시작|발신자) +(?P<name>\S.{{0,79}}?)"
        rf"(?: +(?:[Tt]o|수신자) +\S.{{0,79}}?)? ?:(?:\s+{_TEXT}|$)",  # chat, saved in the meeting
        rf"{_LONG_STAMP}\t(?P<name>[^\t\n]{{1,80}}?):?\t{_TEXT}",  # chat, of a recording in the cloud
        rf"\[(?P<name>[^\]\n]{{1,80}})\] {_LONG_STAMP}$",  # captions, saved in the meeting
        rf"\[(?:\d{{1,2}}:)?\d{{1,3}}:\d\d\] (?!\[){_PLAIN_NAME}: ?{_TEXT}",
    ),
    header=re.compile(_NEVER),
    left_out=re.compile(r"(?:Reacted to|Removed a .{1,20} reaction from) .*$"),
)

_OFFSET = r"(?:\d{1,2}:)?\d{1,3}:\d\d"
CLOVA = ChatFormat(
    "clova",
    "CLOVA Note",
    starts=_patterns(
        rf"(?P<name>(?:참석자|화자|발언자|Speaker|Attendee) ?\d{{1,2}})(?:\s+{_OFFSET}(?:\s+{_TEXT}|$)|$)",
        rf"(?P<name>[^\s:][^:\n]{{0,39}}?)\s{{1,3}}{_OFFSET}$",
    ),
    header=re.compile(r"clovanote\.naver\.com"),
    day=re.compile(rf"{_DAY} {CLOCK}(?:\s*[・·].{{0,30}})?$"),
    notice=re.compile(r"(?:https?://)?clovanote\.naver\.com|AI가 요약한 결과가 포함"),
    joins_turns=True,
)

LINE_FORMATS = (KAKAOTALK, WHATSAPP, DISCORD, ZOOM, CLOVA)
"""The exports in which a message begins with a line of its own; the first that fits is taken."""

STAMPED = re.compile(
    rf"(?:\[[^\]\n]{{1,80}}\] ?)?[\[(]?(?:(?:{DATE}),?(?: at)? )?{CLOCK}(?:[\]),\s]|$)"
    rf"|(?![^:\n]{{1,30}}: )[^\n]{{1,60}}?[\s\[(](?:(?:{DATE}),?(?: at)? )?{CLOCK}[\])]?$"
)
"""A line that begins with a time, or ends with one and is no turn: several of them are some export."""
