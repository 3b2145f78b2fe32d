"""The new part of a reply: each language and each program's shape, and what must never be lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2ad.core.quoting import is_forward, new_text

ATTRIBUTIONS = {
    "gmail-en": "On Mon, Jun 3, 2024 at 10:00 AM Bob Example <bob@example.test> wrote:",
    "gmail-en-wrapped": "On Mon, Jun 3, 2024 at 10:00 AM Bob Very Long Example <\nbob@example.test> wrote:",
    "gmail-en-three-lines": "On Mon, Jun 3, 2024 at 10:00 AM Bob Very\nLong Example\n<bob@example.test> wrote:",
    "apple-en": "On Jun 3, 2024, at 10:00, Bob Example <bob@example.test> wrote:",
    "thunderbird-en": "On 03/06/2024 10:00, Bob Example wrote:",
    "apple-narrow-space": "On 3 Jun 2024, at 10:00\u202fAM, Bob Example <bob@example.test> wrote:",
    "yahoo-en": "On Monday, June 3, 2024 at 10:00:00 AM GMT+2, Bob Example <bob@example.test> wrote:",
    "gmail-de": "Am Mo., 3. Juni 2024 um 10:00 Uhr schrieb Bob Example <bob@example.test>:",
    "gmail-de-wrapped": "Am Mo., 3. Juni 2024 um 10:00 Uhr schrieb Bob Example <\nbob@example.test>:",
    "thunderbird-de": "Am 03.06.24 um 10:00 schrieb Bob Example:",
    "apple-de": "Am 03.06.2024 um 10:00 schrieb Bob Example <bob@example.test>:",
    "gmail-fr": "Le lun. 3 juin 2024 à 10:00, Bob Example <bob@example.test> a écrit :",
    "thunderbird-fr": "Le 03/06/2024 à 10:00, Bob Example a écrit\xa0:",
    "gmail-es": "El lun, 3 jun 2024 a las 10:00, Bob Example (<bob@example.test>) escribió:",
    "apple-es": "El 3 jun 2024, a las 10:00, Bob Example <bob@example.test> escribió:",
    "gmail-it": "Il giorno lun 3 giu 2024 alle ore 10:00 Bob Example <bob@example.test> ha scritto:",
    "thunderbird-it": "Il 03/06/2024 10:00, Bob Example ha scritto:",
    "gmail-pt": "Em seg., 3 de jun. de 2024 às 10:00, Bob Example <bob@example.test> escreveu:",
    "apple-pt": "No dia 03/06/2024, às 10:00, Bob Example <bob@example.test> escreveu:",
    "gmail-nl": "Op ma 3 jun 2024 om 10:00 schreef Bob Example <bob@example.test>:",
    "apple-nl": "Op 3 jun. 2024 om 10:00 heeft Bob Example <bob@example.test> het volgende geschreven:",
    "gmail-sv": "Den mån 3 juni 2024 kl 10:00 skrev Bob Example <bob@example.test>:",
    "apple-sv": "3 juni 2024 kl. 10:00 skrev Bob Example <bob@example.test>:",
    "gmail-da": "Den man. 3. jun. 2024 kl. 10.00 skrev Bob Example <bob@example.test>:",
    "gmail-no": "man. 3. juni 2024 kl. 10:00 skrev Bob Example <bob@example.test>:",
    "gmail-fi": "ma 3. kesäk. 2024 klo 10.00 Bob Example (bob@example.test) kirjoitti:",
    "thunderbird-fi": "Bob Example kirjoitti 3.6.2024 klo 10.00:",
    "gmail-pl": "pon., 3 cze 2024 o 10:00 Bob Example <bob@example.test> napisał(a):",
    "thunderbird-pl": "W dniu 3.06.2024 o 10:00, Bob Example pisze:",
    "gmail-cs": "po 3. 6. 2024 v 10:00 odesílatel Bob Example <bob@example.test> napsal:",
    "thunderbird-cs": "Dne 03. 06. 24 v 10:00 Bob Example napsal(a):",
    "gmail-ru": "пн, 3 июн. 2024 г. в 10:00, Bob Example <bob@example.test>:",
    "thunderbird-ru": "03.06.2024 10:00, Bob Example пишет:",
    "gmail-uk": "пн, 3 черв. 2024 р. о 10:00 Bob Example <bob@example.test> пише:",
    "gmail-tr": "Bob Example <bob@example.test>, 3 Haz 2024 Pzt, 10:00 tarihinde şunu yazdı:",
    "gmail-tr-wrapped": "Bob Example <bob@example.test>, 3 Haz 2024 Pzt, 10:00 tarihinde\nşunu yazdı:",
    "gmail-ja": "2024年6月3日(月) 10:00 Bob Example <bob@example.test>:",
    "apple-ja": "2024/06/03 10:00、Bob Example <bob@example.test>のメール:",
    "gmail-zh": "Bob Example <bob@example.test> 于2024年6月3日周一 10:00写道：",
    "gmail-tw": "Bob Example <bob@example.test> 於 2024年6月3日 週一 上午10:00寫道：",
    "gmail-ko": "2024년 6월 3일 (월) 오전 10:00, Bob Example <bob@example.test>님이 작성:",
}

SEPARATORS = {
    "outlook-plain": "-----Original Message-----\nFrom: Bob\nSent: Monday\nTo: Alice\nSubject: Plan\n\n",
    "outlook-de": "-----Ursprüngliche Nachricht-----\nVon: Bob\n\n",
    "outlook-fr": "-----Message d'origine-----\nDe : Bob\n\n",
    "outlook-es": "-----Mensaje original-----\nDe: Bob\n\n",
    "outlook-it": "-----Messaggio originale-----\nDa: Bob\n\n",
    "outlook-pt": "-----Mensagem original-----\nDe: Bob\n\n",
    "outlook-nl": "-----Oorspronkelijk bericht-----\nVan: Bob\n\n",
    "outlook-sv": "-----Ursprungligt meddelande-----\nFrån: Bob\n\n",
    "outlook-da": "-----Oprindelig meddelelse-----\nFra: Bob\n\n",
    "outlook-no": "-----Opprinnelig melding-----\nFra: Bob\n\n",
    "outlook-fi": "-----Alkuperäinen viesti-----\nLähettäjä: Bob\n\n",
    "outlook-pl": "-----Wiadomość oryginalna-----\nOd: Bob\n\n",
    "outlook-cs": "-----Původní zpráva-----\nOd: Bob\n\n",
    "outlook-ru": "-----Исходное сообщение-----\nОт: Bob\n\n",
    "outlook-tr": "-----Özgün İleti-----\nKimden: Bob\n\n",
    "outlook-ja": "-----元のメッセージ-----\n差出人: Bob\n\n",
    "outlook-zh": "-----原始邮件-----\n发件人: Bob\n\n",
    "outlook-ko": "-----원본 메시지-----\n보낸 사람: Bob\n\n",
    "spaced": "-------- Original message --------\nFrom: Bob\n\n",
    "block-en": "________________________________\nFrom: Bob <bob@example.test>\nSent: Monday, June 3, 2024 10:00 AM\n"
    "To: Alice\nSubject: Plan\n\n",
    "block-bold": "*From:* Bob <bob@example.test>\n*Sent:* Monday, June 3, 2024\n*To:* Alice\n*Subject:* Plan\n\n",
    "block-de": "Von: Bob <bob@example.test>\nGesendet: Montag, 3. Juni 2024 10:00\nAn: Alice\nBetreff: Plan\n\n",
    "block-fr": "De : Bob <bob@example.test>\nEnvoyé : lundi 3 juin 2024 10:00\nÀ : Alice\nObjet : Plan\n\n",
    "block-fr-apple": "De : Bob\nEnvoyé le : lundi 3 juin 2024\nÀ : Alice\nObjet : Plan\n\n",
    "block-es": "De: Bob <bob@example.test>\nEnviado: lunes, 3 de junio de 2024 10:00\nPara: Alice\nAsunto: Plan\n\n",
    "block-it": "Da: Bob <bob@example.test>\nInviato: lunedì 3 giugno 2024 10:00\nA: Alice\nOggetto: Plan\n\n",
    "block-pt": "De: Bob <bob@example.test>\nEnviada em: segunda-feira\nPara: Alice\nAssunto: Plan\n\n",
    "block-nl": "Van: Bob <bob@example.test>\nVerzonden: maandag 3 juni 2024 10:00\nAan: Alice\nOnderwerp: Plan\n\n",
    "block-sv": "Från: Bob <bob@example.test>\nSkickat: den 3 juni 2024 10:00\nTill: Alice\nÄmne: Plan\n\n",
    "block-da": "Fra: Bob <bob@example.test>\nSendt: 3. juni 2024 10:00\nTil: Alice\nEmne: Plan\n\n",
    "block-fi": "Lähettäjä: Bob\nLähetetty: maanantai 3. kesäkuuta 2024\nVastaanottaja: Alice\nAihe: Plan\n\n",
    "block-pl": "Od: Bob\nWysłano: poniedziałek, 3 czerwca 2024\nDo: Alice\nTemat: Plan\n\n",
    "block-cs": "Od: Bob\nOdesláno: pondělí 3. června 2024\nKomu: Alice\nPředmět: Plan\n\n",
    "block-ru": "От: Bob\nОтправлено: 3 июня 2024 г. 10:00\nКому: Alice\nТема: Plan\n\n",
    "block-uk": "Від: Bob\nНадіслано: 3 червня 2024 р.\nКому: Alice\nТема: Plan\n\n",
    "block-tr": "Kimden: Bob\nGönderildi: 3 Haziran 2024 Pazartesi\nKime: Alice\nKonu: Plan\n\n",
    "block-ja": "差出人: Bob\n送信日時: 2024年6月3日\n宛先: Alice\n件名: Plan\n\n",
    "block-zh": "发件人: Bob\n发送时间: 2024年6月3日\n收件人: Alice\n主题: Plan\n\n",
    "block-tw": "寄件者： Bob\n寄件日期： 2024年6月3日\n收件者： Alice\n主旨： Plan\n\n",
    "block-ko": "보낸 사람: Bob\n보낸 날짜: 2024년 6월 3일\n받는 사람: Alice\n제목: Plan\n\n",
    "qq": "------------------ 原始邮件 ------------------\n发件人: Bob\n\n",
    "lotus-ish": "_____________________________\nFrom: Bob\nDate: 3 June 2024\nSubject: Plan\n\n",
}

FORWARDS = (
    "---------- Forwarded message ---------",
    "-------- Forwarded Message --------",
    "-------- Weitergeleitete Nachricht --------",
    "---------- Message transféré ---------",
    "---------- Mensaje reenviado ---------",
    "---------- Doorgestuurd bericht ----------",
    "---------- 转发的邮件 ----------",
    "Begin forwarded message:",
    "Anfang der weitergeleiteten Nachricht:",
    "Début du message réexpédié :",
)


@pytest.mark.parametrize("attribution", ATTRIBUTIONS.values(), ids=ATTRIBUTIONS)
class TestAttribution:
    def test_above_a_quotation(self, attribution: str) -> None:
        text = f"Yes, Tuesday.\n\nAlice\n\n{attribution}\n\n> Which day?\n>\n> Bob\n"
        assert new_text(text) == "Yes, Tuesday.\n\nAlice"

    def test_directly_below_the_answer(self, attribution: str) -> None:
        assert new_text(f"Yes, Tuesday.\n{attribution}\n> Which day?") == "Yes, Tuesday."

    def test_with_the_answer_below(self, attribution: str) -> None:
        assert new_text(f"{attribution}\n> Which day?\n> Bob\n\nTuesday.") == "Tuesday."

    def test_with_nothing_new(self, attribution: str) -> None:
        assert new_text(f"{attribution}\n> Which day?\n") == ""


@pytest.mark.parametrize("separator", SEPARATORS.values(), ids=SEPARATORS)
def test_a_separator_ends_the_new_part(separator: str) -> None:
    assert new_text(f"Yes, Tuesday.\n\n{separator}Which day?\n\nBob\n") == "Yes, Tuesday."


@pytest.mark.parametrize("name", ["gmail-en", "gmail-de", "gmail-fr", "gmail-ru", "gmail-tr", "gmail-zh", "yahoo-en"])
def test_history_without_quote_marks_goes_where_the_attribution_is_sure(name: str) -> None:
    assert new_text(f"Yes.\n\n{ATTRIBUTIONS[name]}\n\nWhich day?\n\nBob") == "Yes."


@pytest.mark.parametrize("opening", FORWARDS)
def test_a_forward_keeps_what_it_forwards(opening: str) -> None:
    forwarded = f"{opening}\nFrom: Bob <bob@example.test>\nDate: Mon\nSubject: Plan\nTo: Alice\n\nWhich day?\n> older"
    assert new_text(f"See below.\n\n{forwarded}\n") == f"See below.\n\n{forwarded}"
    assert new_text(forwarded) == forwarded


INTERLEAVED = """Hi Bob,

On Mon, Jun 3, 2024 at 10:00 AM Bob <bob@example.test> wrote:
> Which day?

Tuesday.

> And where?

At the office."""

KEPT = {
    "plain": "Hello,\n\nhow are you?\n\nAlice",
    "interleaved": INTERLEAVED,
    "wrote-without-date": "As John wrote:\n\nwe should meet.",
    "colon-prose": "On the plus side, she wrote:\n\n1. one\n2. two",
    "from-alone": "From: here to there\nis far.",
    "labels-without-from": "To: do\nSubject: none of this is a header block",
    "rule": "one\n\n----------\n\ntwo",
    "titled-rule": "---- Agenda ----\n1. Original message handling",
    "only-a-block": "From: Bob\nSent: Monday\nTo: Alice\nSubject: Plan\n\nWhich day?",
    "quote-in-the-middle": "You said\n> yes\nand I agree.",
    "dashes-in-text": "Options\n--\n" + "\n".join(f"{n}. option" for n in range(20)),
}


@pytest.mark.parametrize("text", KEPT.values(), ids=KEPT)
def test_what_is_not_clearly_history_stays(text: str) -> None:
    assert new_text(text) == text


def test_quotes_behind_the_last_answer_go() -> None:
    assert new_text(INTERLEAVED + "\n\n> Regards\n> Bob\n") == INTERLEAVED


def test_signature_goes_and_a_long_tail_is_none() -> None:
    assert new_text("Yes.\n\n-- \nAlice\nExample Ltd") == "Yes."
    assert new_text("Yes.\n\n-- \nAlice\n\nOn Mon, Jun 3, 2024 at 10:00 AM Bob <b@x.test> wrote:\n> a") == "Yes."
    assert new_text("-- \nAlice") == "-- \nAlice"
    long = "Yes.\n\n-- \n" + "\n".join(f"line {number}" for number in range(40))
    assert new_text(long) == long


def test_list_footer_below_the_quotation_is_no_answer() -> None:
    footer = "_" * 47 + "\nplans mailing list\nhttps://lists.example.test/plans"
    assert new_text(f"Yes.\n\nOn 3/6/24 10:00, Bob wrote:\n> Which day?\n\n{footer}") == "Yes."


def test_a_forward_by_subject_keeps_outlooks_block() -> None:
    text = "See below.\n\nFrom: Bob\nSent: Monday\nTo: Alice\nSubject: Plan\n\nWhich day?"
    assert new_text(text, forwarded=True) == text
    assert new_text(text) == "See below."


def test_markup_says_where_history_begins() -> None:
    assert new_text("Ja.\n\nUnbekannte Einleitung\nalter Text", frozenset({2})) == "Ja."
    assert new_text("Ja.\n\n---------- Forwarded message ---------\nalt", frozenset({2})).endswith("alt")


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("Fwd: x", True),
        ("FW: x", True),
        ("WG: x", True),
        ("转发：x", True),
        ("Re: Fwd: x", False),
        ("", False),
        ("Forward", False),
    ],
)
def test_is_forward(subject: str, expected: bool) -> None:
    assert is_forward(subject) is expected


LINES = st.sampled_from(
    ["", "text", "> quoted", ">> deeper", "-- ", "--", "From: a", "To: b", "Subject: c", "Sent: d", "_" * 30, "x:",
     "：", "On Mon, Jun 3, 2024 at 10:00 AM Bob <b@x.test> wrote:",
     "-----Original Message-----", FORWARDS[0], "  ", "\u200e"]
)  # fmt: skip


@given(st.lists(LINES, max_size=30), st.frozensets(st.integers(0, 30), max_size=3), st.booleans())
def test_any_arrangement_yields_lines_in_order(lines: list[str], marks: frozenset[int], forwarded: bool) -> None:
    remaining = iter(line.strip() for line in lines if line.strip())
    for line in new_text("\n".join(lines), marks, forwarded=forwarded).split("\n"):
        assert not line.strip() or line.strip() in remaining


@given(st.text())
def test_any_text_is_survived(text: str) -> None:
    new_text(text)
