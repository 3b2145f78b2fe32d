"""The vocabulary of orders to a machine, by meaning, in eleven languages.

A word that ends in `*` stands for all that begin with it. Words are folded when they are loaded, so they stand
here as they are spelled. Chinese and Japanese have no blanks: their terms are found anywhere.
"""

from collections.abc import Mapping
from enum import IntFlag, auto
from typing import Final

from e2ad.core.screening_fold import QUOTE, fold_stem, has_cjk

__all__ = ["CJK", "EXACT", "PREFIXES", "PREFIX_LENGTHS", "Meaning"]


class Meaning(IntFlag):
    """What a word can mean in an order."""

    IGNORE = auto()
    PRIOR = auto()
    ALL = auto()
    RULES = auto()
    SYSTEM = auto()
    PROMPT = auto()
    YOUR = auto()
    REVEAL = auto()
    SECRET = auto()
    SEND = auto()
    MAILS = auto()
    ONE_MAIL = auto()
    MACHINE = auto()
    WEAK_MACHINE = auto()
    YOU_ARE = auto()
    IF = auto()
    NOTE = auto()
    FOR = auto()
    NOT = auto()
    TELL = auto()
    USER = auto()
    SILENT = auto()
    ASK = auto()
    EXECUTE = auto()
    TOOL = auto()
    DELETE = auto()
    NOW = auto()
    MODE = auto()
    ACT_AS = auto()
    NEW = auto()
    FOLLOW = auto()
    READING = auto()
    MUST = auto()
    ABOUT = auto()
    REPORT = auto()
    VERBATIM = auto()
    QUOTED = auto()


_WORDS: Final[Mapping[Meaning, str]] = {
    Meaning.IGNORE: """
        ignor* disregard* forget forgetting overrid* bypass* neglect* nullif* supersed*
        missacht* vergiss vergessen überschreib* verwirf übergehe außeracht
        oublie* négligez outrepass* contourn* olvid* descart* anule esquec* esqueç* desconsider* dimentic* trascur*
        negeer* negeren vergeet overschrijf* zignoruj* pomiń* pomijaj* zapomnij*
        игнорир* проигнорир* забуд* отмени отмените пренебре*
        忽略 无视 無視 忘记 忘記 忽视 不要理会 忘れ""",
    Meaning.PRIOR: """
        previous* prior above earlier preceding foregoing existing original initial
        vorherig* bisherig* früher* obig* vorangehend* vorangegangen* vorig* vorherge* ursprünglich*
        précédent* antérieur* anterior* previas previos précédemment prévias prévios precedent* iniziali originali
        vorige eerdere voorgaand* bovenstaand* oorspronkelijk* poprzedni* wcześniejsz* powyższ*
        предыдущ* прежни* ранее вышеуказанн* вышеизложенн*
        之前 先前 以前 上述 前面 以上 此前 これまで 前の 上記 従来""",
    Meaning.ALL: """
        all every any entire everything alle aller allen sämtlich* jede* gesamt* ganze* tous toutes tout toute
        todo todos toda todas tudo tutto tutti tutte tutta al elke hele wszystk* wszelk* все всех всю весь всё
        所有 全部 一切 すべて 全て""",
    Meaning.RULES: """
        instruction* instructed rule rules guideline* directive* prompt prompts programming commands constraint*
        guardrail* safeguards anweisung* instruktion* regel regeln vorgabe* richtlinie* befehl* consigne* directives
        règles instruccion* reglas directric* indicacion* ordenes instruço* instruçã* regras diretriz* istruzion*
        regole direttive instructie* opdrachten regels richtlijnen instrukcj* polece* zasady wytyczn*
        инструкци* указани* правила команды систем_промпт
        指令 指示 规则 規則 提示词 提示詞 命令 ルール プロンプト 設定""",
    Meaning.SYSTEM: """
        system systemprompt* systemmessage* systeminstruction* developer hidden internal secret confidential
        système sistema systeem* systemow* versteck* geheim* caché* ocult* nascost* verborgen ukryt* систем* скрыт*
        系统 系統 隐藏 システム 隠""",
    Meaning.PROMPT: """
        prompt prompts systemprompt* systemmessage* systeminstruction* systemanweisung* eingabeaufforderung
        systeemprompt* промпт* подсказк* 提示词 提示詞 提示 プロンプト""",
    Meaning.YOUR: """
        your deine* dein ihre ihren votre vos ton tes tus su sus seu seus sua suas tuo tua tuoi tue uw jouw je twoj*
        swoj* ваш* твои* свои* 你的 您的 あなたの""",
    Meaning.REVEAL: """
        reveal* show print output repeat disclose* leak* display expose dump recite paste
        zeig* wiederhol* verrat* offenbar* offenleg* ausgeben ausgib gib nenne
        révèl* montre* affich* répète* répétez divulg* revel* muestr* mostr* repit* imprim* exib* rivel* ripet* stampa
        toon* onthul* herhaal* ujawni* pokaż* wyświetl* powtórz* podaj*
        покажи* раскро* повтори* выведи* сообщи
        显示 透露 泄露 输出 輸出 重复 揭示 打印 告诉我 表示 出力 教えて 明かし 開示 繰り返""",
    Meaning.SECRET: """
        password* passwd passphrase* credential* secrets apikey* accesskey* privatekey* secretkey* signingkey* sshkey*
        passwort* passwörter kennwort* zugangsdaten passe identifiants contraseñ* credencial* senha senhas credenciai*
        credenzial* wachtwoord* inloggegevens hasł* poświadcze* парол* токен* ключи token tokens
        密码 密碼 密钥 令牌 口令 凭证 凭据 パスワード 秘密鍵 認証情報 キー トークン""",
    Meaning.SEND: """
        forward* send sends sending emailing transmit* redirect bcc exfiltrat* upload* relay
        weiterleit* leite leiten sende senden schick* übermittl*
        transfér* transfèr* envoie* envoy* renvoy* transmet* reenv* envía* envia enviar envie envíe remit* encaminh*
        inoltr* invia* inviare spedis* stuur* doorstur* verzend* prześlij* przesyłaj* wyślij* przekaż*
        перешли* отправь* пересыла* перенаправ*
        转发 轉發 发送 發送 发给 發給 寄给 転送 送信 送って 送れ""",
    Meaning.MAILS: """
        emails mails messages inbox mailbox* contacts conversations threads addressbook correspondence
        nachrichten posteingang* kontakte postfach* kontaktliste courriels courriers contacts boîte correos mensajes
        bandeja buzón contactos mensagens contatos messaggi contatti berichten postvak* contacten
        wiadomości maile skrzynk* kontakty письма писем сообщения почт* контакты переписк*
        邮件 郵件 收件箱 联系人 聯絡人 通讯录 メール 受信トレイ 受信箱 連絡先""",
    Meaning.ONE_MAIL: """
        email mail message nachricht courriel correo
        mensagem mensaje messaggio bericht wiadomość письмо""",
    Meaning.MACHINE: """
        assistant assistants llm llms chatbot* chatgpt claude gemini copilot languagemodel* aiassistant* aiagent*
        assistent* sprachmodell* kiassistent* kiagent* asistente* assistente* taalmodel* asystent* ассистент*
        нейросет* помощник* 人工智能 助手 语言模型 語言模型 机器人 アシスタント 人工知能
        言語モデル エージェント 智能体""",
    Meaning.WEAK_MACHINE: "ai ia ki ии si agent agents bot model gpt* agente agenten agenta агент*",
    Meaning.YOU_ARE: """
        youare youre dubist siesind vousetes tues usted usteds eres uste voceé vocee tusei sei jebent ubent jesteś
        вы ты 你是 您是 你现在 您现在 あなたは""",
    Meaning.IF: "if wenn falls sofern si se als indien jeśli jeżeli если 如果 若 もし",
    Meaning.NOTE: """
        attention note notice instruction instructions message memo reminder directive achtung hinweis anweisung
        anweisungen nachricht atención nota aviso mensaje instrucciones atenção instruções attenzione istruzioni
        messaggio opgelet bericht instructies uwaga wiadomość instrukcje внимание сообщение инструкция инструкции
        注意 说明 通知 指示""",
    Meaning.FOR: "to for an für pour para per voor dla do для aan au aux al alla all 给 致 对 への 宛 向け へ",
    Meaning.NOT: """
        not dont don never without no doesnt nicht kein* ohne nie niemals ne pas sans jamais
        sin nunca não sem non senza
        mai niet zonder nooit geen nie bez nigdy не без никогда
        不要 不得 不必 别 勿 无需 不用 ないで せずに なしに 禁止 しないで""",
    Meaning.TELL: """
        tell mention inform informing telling notify notifying alert reporting report reveal disclose
        sage sagen erwähn* informier* mitteil* benachrichtig* dire dis dites mentionn* informe* informer préven*
        avert* signal* digas decir mencion* informar notifi* avis* diga dizer avvis* dirlo menzion* vertel* meld*
        informeer* mów* wspomin* informuj* powiadam* говори* сообща* сообщай* упомина* уведомля*
        告诉 告知 提及 提到 通知 透露 知らせ 言わ 伝え""",
    Meaning.USER: """
        user users owner human operator nutzer* benutzer* anwender* eigentümer* besitzer* inhaber* utilisateur*
        propriétaire* usuari* propietari* dueño* usuári* utilizador* proprietári* utent* proprietari* gebruiker*
        eigenaar* użytkownik* właściciel* пользовател* владельц* 用户 用戶 主人 使用者 所有者 ユーザー 利用者""",
    Meaning.SILENT: """
        silently secretly quietly covertly heimlich stillschweigend unbemerkt secrètement discrètement silencieusement
        secretamente silenciosamente segretamente stilletjes heimelijk stiekem potajemnie тайно незаметно
        悄悄 秘密地 偷偷 暗中 密かに こっそり""",
    Meaning.ASK: """
        confirmation confirming asking approval permission consent rückfrage* bestätigung zustimmung freigabe
        nachzufragen zu_fragen demander validation approbation confirmación preguntar aprobación confirmação perguntar
        aprovação conferma chiedere approvazione bevestiging vragen toestemming potwierdzenia pytania zgody
        подтверждения спрашивая согласия 确认 確認 批准 询问 許可 承認""",
    Meaning.EXECUTE: """
        execute run call invoke führe ausführen rufe exécute* appelle* lance* ejecut* llama
        invoca execute chame esegui*
        chiama voer uitvoer* wykonaj* uruchom* wywołaj* выполни* запусти* вызови* 执行 運行 运行 调用 実行 呼び出""",
    Meaning.TOOL: """
        tool tools function plugin command commands script shell curl bash sendemail sendmail forwardemail readfile
        deleteemail listemails searchemails getemails readinbox searchinbox werkzeug* funktion befehl outil* fonction
        commande herramient* función comando ferrament* strumento funzione comando hulpmiddel* functie narzędzi*
        polecenie инструмент* функци* команду 工具 函数 函數 脚本 命令行 ツール 関数 コマンド スクリプト""",
    Meaning.DELETE: """
        delete erase wipe purge destroy lösche löschen supprim* efface* borra* borre elimin* apague apaga* exclua
        cancella* verwijder* wis usuń* skasuj* удали* сотри* 删除 刪除 清空 削除 消去""",
    Meaning.NOW: """
        now henceforth fromnow jetzt nun absofort abjetzt fortan désormais maintenant dorénavant ahora partir agora
        adesso ora dora nu voortaan perdirect teraz odtąd теперь отныне 现在 現在 从现在 今后 今から これから""",
    Meaning.MODE: """
        unrestricted uncensored unfiltered jailbr* dan developermode restrictions limitations filters root
        uneingeschränkt* einschränkung* beschränkung* restriction* restriccion* restriço* restrizion* beperking*
        ograniczeń ограничени* 限制 开发者模式 越狱 制限 開発者モード""",
    Meaning.ACT_AS: """
        actas pretend roleplay spiele comportati comportate
        comporte fungiere udawaj притворись 扮演 振る舞""",
    Meaning.NEW: """
        new updated revised neue* neuen nouvelle* nuev* nova novas
        nuove nuovi nieuwe nowe новые новая 新的 新 新しい""",
    Meaning.FOLLOW: """
        follow obey comply adhere befolg* folge suivez suivre suis sigue seguir siga
        segui seguite volg stosuj przestrzegaj
        следуй* соблюда* 遵循 遵守 服从 従 従って""",
    Meaning.READING: """
        reading processing summariz* summaris* parsing analyzing analysing reads processes liest lesen verarbeit*
        zusammenfass* lisant lis traite* résum* leyendo lee procesa* resum* lendo processa* legge riassum* elabora*
        verwerk* leest samenvat* przetwarza* czyta* обрабатыва* читает читаеш* 处理 阅读 读取 总结
        摘要 処理 読 要約""",
    Meaning.MUST: """
        must should muss müssen sollst sollen soll musst doit doivent devez dois debe debes
        deben deve devem deves devi devono moet moeten musi musisz muszą должен должны обязан*
        必须 必須 应该 应当 务必 请 しなければ してください せよ すること""",
    Meaning.ABOUT: """
        injection injections jailbreak* owasp cve advisory researcher* vulnerabilit* mitigation* mitigate redteam*
        attacker* adversar* schwachstelle* angreifer* sicherheitslücke* angriff* vulnérabilité* attaquant* chercheurs
        vulnerabilidad* atacante* investigador* vulnerabilità attaccant* ricercator* kwetsbaarhe* aanvaller* podatnoś*
        atakując* badacz* уязвимост* злоумышлен* исследовател* инъекци* 注入 攻击 漏洞 攻撃 脆弱性 研究""",
    Meaning.REPORT: """
        eg such example examples says say telling tells tricks like attacker attackers
        payload phrase phrases etwa beispiel
        zb exemple comme ejemplo como exemplo esempio voorbeeld zoals przykład* jak например
        как 例如 比如 例えば といった""",
    Meaning.VERBATIM: """
        verbatim word everything wörtlich wort vollständig textuellement mot intégral* literal* palabra palavra
        letteral* parola woordelijk woord dosłownie słowo дословно слово целиком 逐字 完整 一字一句 全文 そのまま""",
    Meaning.QUOTED: QUOTE,
}


def _load() -> tuple[dict[str, int], dict[str, int], dict[str, int]]:
    exact: dict[str, int] = {}
    prefixes: dict[str, int] = {}
    cjk: dict[str, int] = {}
    for meaning, words in _WORDS.items():
        for word in words.split(" ") if words == QUOTE else words.split():
            table = cjk if has_cjk(word) else prefixes if word.endswith("*") else exact
            key = word if table is cjk or word == QUOTE else fold_stem(word.rstrip("*"))
            table[key] = table.get(key, 0) | meaning
    return exact, prefixes, cjk


EXACT, PREFIXES, CJK = _load()
PREFIX_LENGTHS: Final = sorted({len(stem) for stem in PREFIXES})
