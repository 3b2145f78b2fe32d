"""What mail programs write around a quotation, by language: attributions, separators, header labels.

Data for `core.quoting`, casefolded. A new language is a line in each table.
"""

from typing import Final

__all__ = [
    "ATTRIBUTION_STARTS",
    "ATTRIBUTION_VERBS",
    "FORWARD_LINES",
    "FORWARD_PREFIXES",
    "FORWARD_TITLES",
    "LABELS",
    "ORIGINAL_TITLES",
]

# "On <date>, <name> wrote:": the first word, and the word that must follow, language by language.
# Languages that begin with the date or the name have no start word; see ATTRIBUTION_VERBS.
ATTRIBUTION_STARTS: Final = {
    "on ": ("wrote", "writes"),  # English
    "am ": ("schrieb",),  # German
    "le ": ("a écrit", "écrit"),  # French
    "el ": ("escribió", "escribio", "va escriure"),  # Spanish, Catalan
    "il ": ("ha scritto", "scrive"),  # Italian
    "em ": ("escreveu",),  # Portuguese
    "a ": ("escreveu",),
    "no dia ": ("escreveu",),
    "op ": ("schreef", "geschreven"),  # Dutch
    "den ": ("skrev",),  # Swedish, Danish, Norwegian
    "på ": ("skrev",),
    "dne ": ("napsal", "napsala", "napsal(a)"),  # Czech
    "w dniu ": ("napisał", "napisała", "napisał(a)", "pisze"),  # Polish
    "dnia ": ("napisał", "napisała", "napisał(a)", "pisze"),
}

ATTRIBUTION_VERBS: Final = (
    "wrote",
    "schrieb",
    "a écrit",
    "escribió",
    "ha scritto",
    "escreveu",
    "schreef",
    "skrev",
    "kirjoitti",  # Finnish
    "napisał",  # Polish, its feminine and "(a)" forms too
    "pisze",
    "napsal",  # Czech
    "пишет",  # Russian
    "написал",
    "писал",
    "пише",  # Ukrainian
    "написав",
    "yazdı",  # Turkish
    "yazmış",
    "のメール",  # Japanese
    "書きました",
    "書いた",
    "写道",  # Chinese
    "寫道",
    "님이 작성",  # Korean
    "작성:",
    "씀",
)

# "-----Original Message-----", without its dashes.
ORIGINAL_TITLES: Final = frozenset(
    {
        "original message",
        "original-nachricht",
        "originalnachricht",
        "reply message",
        "replied message",
        "ursprüngliche nachricht",
        "ursprüngliche e-mail",
        "message d'origine",
        "message d’origine",
        "message original",
        "message initial",
        "mensaje original",
        "messaggio originale",
        "mensagem original",
        "oorspronkelijk bericht",
        "oorspronkelijke bericht",
        "ursprungligt meddelande",
        "originalmeddelande",
        "oprindelig meddelelse",
        "original meddelelse",
        "opprinnelig melding",
        "opprinnelig meddelelse",
        "alkuperäinen viesti",
        "wiadomość oryginalna",
        "oryginalna wiadomość",
        "původní zpráva",
        "původní e-mail",
        "исходное сообщение",
        "оригинальное сообщение",
        "первоначальное сообщение",
        "вихідне повідомлення",
        "оригінальне повідомлення",
        "orijinal mesaj",
        "özgün ileti",
        "orijinal ileti",
        "元のメッセージ",
        "original message / 元のメッセージ",
        "原始邮件",
        "原始郵件",
        "邮件原件",
        "回复的原邮件",
        "원본 메시지",
        "원본 메일",
        "원본메일",
    }
)

# "---------- Forwarded message ---------", without its dashes.
FORWARD_TITLES: Final = frozenset(
    {
        "forwarded message",
        "forwarded by",
        "weitergeleitete nachricht",
        "message transféré",
        "message transmis",
        "mensaje reenviado",
        "messaggio inoltrato",
        "mensagem encaminhada",
        "mensagem reencaminhada",
        "doorgestuurd bericht",
        "vidarebefordrat meddelande",
        "vidarebefordrat mejl",
        "videresendt meddelelse",
        "videresendt besked",
        "videresendt melding",
        "edelleenlähetetty viesti",
        "välitetty viesti",
        "przekazana wiadomość",
        "wiadomość przekazana",
        "přeposlaná zpráva",
        "пересылаемое сообщение",
        "пересланное сообщение",
        "переслане повідомлення",
        "перенаправлене повідомлення",
        "yönlendirilmiş ileti",
        "iletilen mesaj",
        "転送されたメッセージ",
        "转发的邮件",
        "转发邮件",
        "轉寄郵件",
        "已轉寄郵件",
        "전달된 메시지",
        "전달된 메일",
    }
)

# Apple Mail has no dashes; these lines stand alone, with their colon.
FORWARD_LINES: Final = frozenset(
    {
        "begin forwarded message:",
        "anfang der weitergeleiteten nachricht:",
        "début du message réexpédié:",
        "début du message transféré:",
        "inicio del mensaje reenviado:",
        "inizio messaggio inoltrato:",
        "início da mensagem reencaminhada:",
        "início da mensagem encaminhada:",
        "begin doorgestuurd bericht:",
        "vidarebefordrat brev:",
        "videresendt besked:",
        "start på videresendt melding:",
        "edelleenlähetetty viesti alkaa:",
        "początek przekazywanej wiadomości:",
        "začátek přeposílané zprávy:",
        "начало переадресованного сообщения:",
        "початок переадресованого повідомлення:",
        "iletilmiş ileti başlangıcı:",
        "転送されたメッセージ:",
        "开始转发的邮件:",
        "開始轉寄郵件:",
        "전달된 메시지 시작:",
    }
)

FORWARD_PREFIXES: Final = frozenset(
    {
        "fwd",
        "fw",
        "wg",
        "tr",
        "rv",
        "enc",
        "doorst",
        "vb",
        "vs",
        "vl",
        "pd",
        "přeposl.",
        "пересл",
        "ilt",
        "転送",
        "转发",
        "轉寄",
        "전달",
    }
)

_FROM: Final = "from von de da van från fra lähettäjä od от від kimden gönderen 差出人 发件人 寄件者 寄件人 보낸사람"
_DATE: Final = (
    "sent date gesendet datum envoyé date enviado fecha enviada data inviato verzonden skickat dato sendt lähetetty "
    "päivämäärä päiväys wysłano odesláno отправлено дата надіслано gönderildi gönderilme tarihi tarih 送信日時 日付 "
    "发送时间 日期 已傳送 傳送時間 寄件日期 날짜 보낸날짜 보낸시간"
)
_TO: Final = "to an à para a per aan till til vastaanottaja do komu кому kime alıcı 宛先 收件人 收件者 받는사람"
_SUBJECT: Final = (
    "subject betreff objet asunto oggetto assunto onderwerp ämne emne aihe temat předmět тема konu 件名 主题 主旨 제목"
)
_COPY: Final = "cc kopie kopi kopia copie copia kopio dw kópie копия копія bilgi 抄送 副本 참조"

LABELS: Final = {
    **dict.fromkeys(_COPY.split(), "copy"),
    **dict.fromkeys(_TO.split(), "to"),
    **dict.fromkeys(_DATE.split(), "date"),
    **dict.fromkeys(_SUBJECT.split(), "subject"),
    **dict.fromkeys(_FROM.split(), "from"),
    "envoyé le": "date",
    "de la part de": "from",
    "gönderilme tarihi": "date",
    "보낸 사람": "from",
    "받는 사람": "to",
    "보낸 날짜": "date",
    "보낸 시간": "date",
    "reply-to": "copy",
    "antwort an": "copy",
    "importance": "copy",
}
