"""Captions of meetings with their stamps: WebVTT (Zoom, Teams) and SubRip."""

import re
from collections.abc import Iterator, Sequence
from itertools import zip_longest

from .messages import SentMessage

_CUE = re.compile(r"(?:\d+:){1,2}\d{1,2}[.,]\d{1,3} +--> +(?:\d+:){1,2}\d{1,2}[.,]\d{1,3}")
_SPEAKER = re.compile(r"(?P<name>[^:\n]{1,80}?): +(?P<text>.*)")
_VOICE = re.compile(r"<v(?:\.[^\s>]{0,40})? (?P<name>[^>\n]{1,80})>(?P<text>.*)")
_TAG = re.compile(r"</?[a-z][^<>\n]{0,100}>|<[\d:.]{5,20}>")


def is_captions(lines: Sequence[str]) -> bool:
    """Return whether a text's first lines are those of WebVTT, or of SubRip's first cue."""
    if lines[0].startswith("WEBVTT"):
        return any(_CUE.match(line) for line in lines)
    return len(lines) > 2 and lines[0].strip().isdecimal() and _CUE.match(lines[1]) is not None


def caption_messages(lines: Sequence[str]) -> Iterator[SentMessage]:
    """Yield what each cue says, with its speaker where it names one; notes and styles are left out."""
    is_cue = False
    for line, after in zip_longest(lines, lines[1:], fillvalue=""):
        if _CUE.match(line):
            is_cue = True
        elif not line.strip() or (line.strip().isdecimal() and _CUE.match(after)):  # the number of the next cue
            is_cue = False
        elif is_cue:
            said = _VOICE.match(line) or _SPEAKER.match(line)
            name, text = (said["name"], said["text"]) if said else (None, line)
            yield SentMessage(name, [_TAG.sub("", text)])
