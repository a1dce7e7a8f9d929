"""Names for renamed speakers, and the words that tell a speaker's name from a role or an ordinary word.

The new names are borne by women and men, so that `she`, `he`, `언니` and `형` beside them stay right, and none is
a word or a place too.
"""


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


NEW_NAMES = {
    "en": _words(
        """
        Alex Avery Blair Casey Corey Dana Elliot Emery Finley Frankie Harley Jamie Jesse Jody Kendall Kerry Leslie
        Logan Marley Micah Morgan Noel Quinn Reese Remy Riley Rory Sasha Shannon Skyler Taylor Toby
        """
    ),
    "ko": _words(
        """
        민서 현서 윤서 은서 진서 연우 윤재 은우 희수 경서 태희 승우 지호 재이 민재 유하 수민 하윤 서진 도연 유진
        재윤 시윤 지안 태윤 규민 정민 세진 하진 다온 하율 소율
        """
    ),
}
"""Given names by language."""

NEW_SURNAMES = {
    "en": _words(
        """
        Abbott Bennett Calloway Dawson Ellison Fairchild Gallagher Hargrove Jennings Kowalski Larsen Moreau
        Nakamura Okonkwo Petrov Quigley Ramirez Sandoval Thornton Whitaker
        """
    ),
    "ko": _words("강 권 문 배 백 서 송 신 안 오 유 윤 임 장 조 차 최 한 허 홍 황"),
}
"""Surnames by language, for speakers called by surname and title."""

KOREAN_SURNAMES = frozenset(
    "김이박최정강조윤장임한오서신권황안송류전홍고문양손배백허유남심노하곽성차주우구민나진지엄채원천방공현함변염"
)
"""Surnames of one syllable."""

LONG_KOREAN_SURNAMES = _words("남궁 황보 제갈 선우 독고 사공")
"""Surnames of two."""

KOREAN_SURNAME = f"(?:{'|'.join(LONG_KOREAN_SURNAMES)}|[{''.join(sorted(KOREAN_SURNAMES))}])"
"""Pattern of a surname."""

KOREAN_TITLES = _words(
    """
    대리 과장 차장 부장 팀장 실장 사원 주임 사장 이사 상무 전무 대표 교수 박사 선생 선생님 기자 감독 코치 간호사
    변호사 매니저 작가 피디 형사 경위 소장 원장 반장 씨
    """
)

ENGLISH_TITLES = _words("Mr Mrs Ms Miss Dr Doctor Prof Professor Coach Officer Captain Detective Sergeant Nurse")

COMMON_KOREAN_NAMES = frozenset(
    _words(
        """
        민준 서준 도윤 예준 시우 하준 주원 지호 준우 준서 건우 현우 우진 선우 서진 연우 민재 현준 은우 정우 승우
        승현 준혁 지훈 승민 지환 민성 민규 시윤 지후 은찬 준영 민우 유찬 윤우 지안 이준 태윤 서연 서윤 서현 민서
        하은 하윤 윤서 지민 채원 수아 지아 지윤 은서 다은 예은 수빈 소율 예린 지원 서아 아린 다인 연서 예서 수민
        유진 민지 지영 지현 수진 은지 혜진 미영 영희 철수 민수 영수 준호 성호 태호 동현 상훈 성민 재현 진우 경수
        정훈 기현 상현 동욱 재민 준수 지수 혜원 수연 지은 유나 소연 민정 은경 미경 영미 현정 윤정 선영 주영 나영
        가영 소영 혜영 은영 미선 은주 현주 영주 은정 희정 태희 재윤 재경 소라 유라 세영 하린 윤아 민아 시은 가은
        예나 세은 나은 도현 이안 태민 세훈 영호 성훈 병철 광수 정호 진호 민호 윤호 경호 창호 태준 하율 다현 나연
        지연 보영 보람 슬기 지혜 하늘 가람 아름 나래 한솔 한별 하나 두리 우리 수정 지우 현지 미소 진주 유리 나라
        보라 가을 여름 겨울 이슬 은혜 미래 사랑 기쁨 소망 초롱 새롬 다정 정은 영은
        """
    )
)
"""Given names that are known to be names; some are words too."""

KOREAN_WORD_NAMES = frozenset(
    _words(
        """
        보람 슬기 지혜 하늘 가람 아름 나래 한솔 한별 하나 두리 우리 수정 지우 현지 미소 진주 유리 나라 보라 가을
        여름 겨울 이슬 은혜 미래 사랑 기쁨 소망 초롱 새롬 다정 지원 지수 민주 소라 고은 나은 소리 바다 은하 세계
        주연 영주 미정 상태 정의 진실 정직 믿음 이제 하루
        """
    )
)
"""Given names that are ordinary words, or begin one with a particle (지우는, 나은)."""

ENGLISH_WORD_NAMES = frozenset(
    _words(
        """
        Amber April Art Ash Aspen August Austin Autumn Bill Brandy Brooke Carol Chase Chelsea China Christian Clay
        Cliff Crystal Daisy Dale Dawn Dean Destiny Devon Dick Dolly Drew Ernest Eve Faith Fern Florence Frank
        Georgia Ginger Glen Grace Grant Guy Harmony Hazel Holly Hope Hunter Iris Ivy Jade Jean Jersey Jewel Jordan
        Joy June King Lance Lane Laurel Lily London Lucky Madison Major Mark Mason Max May Melody Mercy Miles Misty
        Norm Olive Orlando Paige Paris Parker Patience Peg Penny Phoenix Piper Poppy Queen Ray Reed Rich River Rob
        Robin Rocky Rose Ruby Rusty Sandy Savannah Scarlet Scout Sky Stone Storm Sue Summer Sunny Sydney Tanner
        Trinity Troy Victoria Violet Virginia Wade Ward Warren Washington West Wells Will Winter Woody
        """
    )
)
"""First names that are words, months or places too."""

ENGLISH_ROLES = frozenset(
    _words(
        """
        Agent Announcer Assistant Attendant Aunt Auntie Baby Bank Barber Bartender Boss Boy Brother Caller Cashier
        Chair Chef Child Clerk Client Coach Colleague Conductor Cook Cousin Customer Dad Daddy Daughter Dentist
        Director Doctor Driver Editor Employee Employer Engineer Everyone Examiner Expert Farmer Father Female
        Friend Girl Grandad Granddad Grandfather Grandma Grandmother Grandpa Granny Guest Guide Host Hostess
        Husband Interviewee Interviewer Janitor Judge Kid Landlady Landlord Lawyer Lecturer Librarian Ma Male Mama
        Man Manager Mechanic Mom Mommy Mother Mum Mummy Nana Narrator Neighbor Neighbour Nephew Niece Nurse Officer
        Operator Owner Pa Papa Parent Passenger Patient Person Pharmacist Pilot Policeman Policewoman Pop President
        Presenter Principal Professor Receptionist Recruiter Reporter Researcher Salesman Salesperson Saleswoman
        Secretary Seller Server Shopkeeper Sister Son Speaker Staff Stranger Student Supervisor Teacher Technician
        Teller Tenant Therapist Tourist Trainer Traveler Traveller Tutor Uncle User Vet Visitor Volunteer Waiter
        Waitress Wife Woman Worker Answer Caution Example Hint Note Notice Question Remember Step Tip Total Warning
        """
    )
)
"""Labels that say what a speaker is, or that a line is no turn at all."""
