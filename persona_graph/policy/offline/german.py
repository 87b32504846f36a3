"""German. Memories keep the person's own "mein"; told to the person it becomes "dein"."""

# fmt: off
# ruff: noqa: E501 - one pattern a line

from __future__ import annotations

from persona_graph.personality import Trait
from persona_graph.policy.offline.language import Language, Phrases, Slot, Times, cue, pattern, rule

_NOW = r"(?:jetzt|inzwischen|mittlerweile|momentan|gerade|heute|sehr|wirklich|auch|immer|noch|total|am liebsten|besonders|nun|seit kurzem)"
_MINE = r"(?P<thing>(?:mein|unser)e? \S+(?: \S+)?)"
_MONTHS = ("Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember")

GERMAN = Language(
    code="de",
    common=frozenset(
        """der die das den dem des ein eine einen einem einer eines und oder aber ich du er sie es wir ihr mich mir dich dir sich uns
        mein meine meinen meinem meiner meines dein deine deinen deinem deiner unser unsere ist bin bist sind war waren habe hast hat haben hatte
        wird werde werden nicht kein keine keinen mit von zu zum zur auf aus bei für im ins an am um als wie wenn weil dass auch noch schon nur
        sehr so was wer wo wann warum wieso welche welcher welches welchen heißt heisst über nach vor seit mal doch ja nein hallo danke jetzt dann
        mag kann will gern gerne gibt ihm ihn habe ganz mehr bitte guten""".split()
    ),
    clause=pattern(r",? (?:aber|weil|obwohl|und (?=(?:ich|mein|meine|wir)\b))\s*|;\s*|, (?=(?:und )?(?:ich|mein|meine|wir|da|denn)\b)| [-–—] "),
    tail=pattern(r",? (?:jetzt|mehr|sehr|inzwischen|mittlerweile|momentan|zurzeit|auch|lieber|umgezogen|gezogen|gern|gerne|am liebsten|seit kurzem|letzte Woche|letzten Monat|letztes Jahr|gestern|heute)$"),
    address={"mein": "dein", "meine": "deine", "meinen": "deinen", "meinem": "deinem", "meiner": "deiner", "meines": "deines", "unser": "euer", "unsere": "eure", "mich": "dich", "mir": "dir", "ich": "du", "wir": "ihr"},
    rules=(
        rule(Slot.NAME, r"\b(?:ich heiße|ich heisse|mein Name ist|nenn mich) <value>", "Heißt {value}", "du {value} heißt"),
        rule(Slot.AGE, r"\bich bin (?P<value>\d{1,3})(?: Jahre alt)?$", "Ist {value} Jahre alt", "du {value} Jahre alt bist"),
        rule(Slot.HOME, rf"\bich bin(?: {_NOW})*(?: von <old>)? nach <value> (?:um)?gezogen", "Wohnt in {value}", "du in {value} wohnst"),
        rule(Slot.HOME, rf"\bich (?:wohne|lebe)(?: {_NOW})* in <value>", "Wohnt in {value}", "du in {value} wohnst"),
        rule(Slot.ORIGIN, r"\bich komme (?:ursprünglich )?aus <value>", "Kommt aus {value}", "du aus {value} kommst"),
        rule(Slot.ORIGIN, r"\bich bin in <value> (?:geboren|aufgewachsen)", "Kommt aus {value}", "du aus {value} kommst"),
        rule(Slot.JOB, rf"\bich arbeite(?: {_NOW})* als <value>", "Arbeitet als {value}", "du als {value} arbeitest"),
        rule(Slot.JOB, r"\bich bin (?:von Beruf )?(?P<value>\S*(?:lehrer|ärzt|arzt|pfleger|ingenieur|entwickler|student|köch|koch|bäcker|anwält|anwalt|künstler|musiker|programmierer|tischler|verkäufer)(?:in)?)$", "Arbeitet als {value}", "du als {value} arbeitest"),
        rule(Slot.EMPLOYER, rf"\bich arbeite(?: {_NOW})* bei <value>", "Arbeitet bei {value}", "du bei {value} arbeitest"),
        rule(Slot.LANGUAGES, r"\bich spreche <value>", "Spricht {value}", "du {value} sprichst"),
        rule(Slot.DIET, r"\bich bin (?P<value>(?:Vegetarier|Veganer)(?:in)?|vegan|vegetarisch|allergisch gegen .+)", "Ist {value}", "du {value} bist"),
        rule(Slot.CALLED, rf"\b{_MINE} hei(?:ß|ss)t <value>", "{thing} heißt {value}", "{thing} {value} heißt"),
        rule(Slot.CALLED, r"\bder Name (?:von )?(?P<thing>mein\w* \S+) ist <value>", "{thing} heißt {value}", "{thing} {value} heißt"),
        rule(Slot.FAVOURITE, r"\bmeine? (?:neue?r? )?Lieblings(?P<thing>\w+) ist(?: jetzt)? <value>", "Lieblings{thing} ist {value}", "du als Lieblings{thing} {value} hast"),
        rule(Slot.STOPPED, r"\bich (?:mag|trinke|esse|will|mache|spiele) (?:keinen|keine|kein|nicht) <value> mehr", "Mag nicht mehr: {value}", "du {value} nicht mehr magst"),
        rule(Slot.STOPPED, r"\bich (?:mag|trinke|esse|mache|spiele) <value> nicht mehr", "Mag nicht mehr: {value}", "du {value} nicht mehr magst"),
        rule(Slot.PREFERS, rf"\bich bin(?: {_NOW})* von <old> auf <value> umgestiegen", "Mag jetzt lieber {value} als {old}", "du jetzt {value} lieber magst als {old}"),
        rule(Slot.PREFERS, rf"\bich (?:mag|trinke|esse|nehme)(?: {_NOW})* lieber <value> (?:als|statt) <old>$", "Mag jetzt lieber {value} als {old}", "du jetzt {value} lieber magst als {old}"),
        rule(Slot.PREFERS, rf"\bich (?:mag|trinke|esse|nehme)(?: {_NOW})* <value> statt <old>$", "Mag jetzt lieber {value} als {old}", "du jetzt {value} lieber magst als {old}"),
        rule(Slot.PREFERS, rf"\bich (?:mag|trinke|esse|nehme|bevorzuge)(?: {_NOW})* (?:lieber|nur noch) <value>", "Mag jetzt lieber {value}", "du jetzt lieber {value} magst"),
        rule(Slot.PREFERS, r"\bich bevorzuge <value>", "Mag jetzt lieber {value}", "du jetzt lieber {value} magst"),
        rule(Slot.PREFERS, r"\b(?:jetzt|inzwischen|mittlerweile|heute) (?:mag|trinke|esse) ich (?:lieber |nur noch )?<value>", "Mag jetzt lieber {value}", "du jetzt lieber {value} magst"),
        rule(Slot.DISLIKES, r"\bich (?:hasse|verabscheue) <value>", "Mag nicht: {value}", "du {value} nicht magst"),
        rule(Slot.DISLIKES, r"\bich mag (?:keinen|keine|kein) <value>", "Mag nicht: {value}", "du {value} nicht magst"),
        rule(Slot.DISLIKES, r"\bich mag <value> nicht$", "Mag nicht: {value}", "du {value} nicht magst"),
        rule(Slot.LIKES, rf"\bich (?:mag|liebe)(?: {_NOW})* <value>", "Mag {value}", "du {value} magst"),
        rule(Slot.LIKES, rf"\bich (?:trinke|esse|spiele|höre|lese)(?: {_NOW})* (?:gern|gerne|am liebsten) <value>", "Mag {value}", "du {value} magst"),
        rule(Slot.HAS, r"\bich habe (?P<value>(?:einen|eine|ein|zwei|drei|vier) [^\W\d_]+(?: namens .+)?)$", "Hat {value}", "du {value} hast"),
    ),
    asks=(
        (pattern(r"\b(?:wie heiße ich|wie heisse ich|mein Name|wer bin ich)\b"), frozenset({Slot.NAME})),
        (pattern(r"\bwie alt bin ich\b"), frozenset({Slot.AGE})),
        (pattern(r"\bwo (?:wohne|lebe|wohnte|lebte|habe) ich\b"), frozenset({Slot.HOME})),
        (pattern(r"\bwoher komme ich\b"), frozenset({Slot.ORIGIN})),
        (pattern(r"\b(?:mein Beruf|meine Arbeit|mein Job|als was arbeite ich|was arbeite ich)\b"), frozenset({Slot.JOB, Slot.EMPLOYER})),
        (pattern(r"\bwo arbeite ich\b"), frozenset({Slot.EMPLOYER, Slot.JOB})),
        (pattern(r"\bhei(?:ß|ss)en? (?P<thing>mein\w* \w+)|\bName (?:von )?(?P<other>mein\w* \w+)"), frozenset({Slot.CALLED})),
        (pattern(r"\bLieblings(?P<thing>\w+)"), frozenset({Slot.FAVOURITE, Slot.LIKES, Slot.PREFERS})),
        (pattern(r"\b(?:mag|trinke|esse) ich (?:\w+ )?(?:nicht|kein\w*)"), frozenset({Slot.DISLIKES, Slot.STOPPED})),
        (pattern(r"\b(?:mag|mochte|trinke|trank|esse|aß|liebe) ich\b|\bmeine Vorlieben\b"), frozenset({Slot.LIKES, Slot.PREFERS, Slot.FAVOURITE})),
    ),
    vocabulary={
        Slot.HOME: "wohnen Stadt",
        Slot.JOB: "Arbeit Beruf",
        Slot.EMPLOYER: "Arbeit Firma",
        Slot.CALLED: "Name heißt",
        Slot.FAVOURITE: "Liebling mag",
        Slot.LIKES: "mag gern Vorliebe",
        Slot.PREFERS: "lieber mag Vorliebe",
        Slot.DISLIKES: "mag nicht Vorliebe",
        Slot.STOPPED: "nicht mehr Vorliebe",
        Slot.HAS: "hat",
        Slot.DIET: "Essen",
    },  # fmt: skip
    kinds={
        "trinken": tuple("tee kaffee espresso saft wasser wein bier milch kakao trinken trinke getränk grüntee".split()),
        "essen": tuple("pizza pasta sushi suppe salat brot käse schokolade reis nudeln essen esse gericht".split()),
        "sport": tuple("laufen schwimmen radfahren fußball tennis klettern yoga wandern rudern joggen sport".split()),
        "farbe": tuple("rot blau grün gelb schwarz weiß lila orange rosa grau braun farbe".split()),
        "haustier": tuple("hund katze kaninchen papagei hamster pferd haustier".split()),
    },
    relatives=frozenset("mutter mama vater papa schwester bruder frau mann freundin freund sohn tochter oma opa großmutter großvater tante onkel nichte neffe".split()),
    question=pattern(r"^(?:und |also |aber |,)*(?:was|wer|wen|wem|wo|woher|wohin|wann|warum|wieso|wie|welche\w*|weißt du|kannst du|erinnerst du|mag ich|habe ich|bin ich|hast du|sag mir)\b"),
    asks_us=pattern(r"\b(?:hast du|hattest du) .*\b(?:gesagt|empfohlen|vorgeschlagen|geraten|geantwortet)\b"),
    asks_who=pattern(r"\b(?:wer|was) bist du\b|\bbist du (?:ein|eine) (?:KI|Roboter|Mensch|Programm)\b"),
    greeting=pattern(r"^(?:hallo|hi|hey|guten (?:morgen|tag|abend)|moin|servus|wie geht's|wie geht es dir|tschüss|bis bald|gute nacht)\b[^?]*\??$"),
    thanking=pattern(r"^(?:danke|vielen dank)\b"),
    habit=pattern(r"\b(?:jeden (?:morgen|abend|tag|montag|dienstag|mittwoch|donnerstag|freitag|samstag|sonntag|monat)|jede (?:woche|nacht)|jedes wochenende|normalerweise|meistens|immer wenn|regelmäßig|morgens|abends)\b"),
    goal=pattern(r"\b(?:ich (?:will|möchte) (?!wissen|fragen|nicht)|mein (?:ziel|traum) ist|ich (?:trainiere|lerne|spare) (?:für|auf|gerade)|ich habe vor)\b"),
    given_up=pattern(r"\b(?:nicht mehr|aufgehört|aufgegeben|kein\w* .+ mehr)\b"),
    cues=(
        cue(Trait.OPENNESS, 1, r"\b(?:neue? (?:Dinge|Orte|Ideen|Rezepte)|neugierig|fasziniert|Museum|Gedicht\w*|kreativ|ausprobier\w*)\b"),
        cue(Trait.OPENNESS, -1, r"\b(?:wie immer|nichts Neues|mag keine (?:Veränderung\w*|Überraschung\w*))\b"),
        cue(Trait.CONSCIENTIOUSNESS, 1, r"\b(?:alles geplant|geplant|To-do-Liste|Checkliste|ordentlich|organisiert|pünktlich|Tabelle)\b"),
        cue(Trait.CONSCIENTIOUSNESS, -1, r"\b(?:letzter Minute|verschoben|schon wieder vergessen|chaotisch|ohne Plan|verschlafen)\b"),
        cue(Trait.EXTRAVERSION, 1, r"\b(?:Party|Feier|mit (?:meinen )?Freunden|viele Leute|getanzt|kann es kaum erwarten)\b"),
        cue(Trait.EXTRAVERSION, -1, r"\b(?:allein|meine Ruhe|zu viele Leute|schüchtern|zu Hause geblieben|ruhigen Abend)\b"),
        cue(Trait.AGREEABLENESS, 1, r"\b(?:vielen Dank|danke dir|geholfen|ehrenamtlich|dankbar|lieb von dir|freue mich für)\b"),
        cue(Trait.AGREEABLENESS, -1, r"\b(?:dumm|Idiot\w*|Unsinn|selbst schuld|nutzlos|mir egal)\b"),
        cue(Trait.NEUROTICISM, 1, r"\b(?:Sorgen?|besorgt|Angst|nervös|gestresst|Stress|Panik|nicht schlafen|überfordert)\b"),
        cue(Trait.NEUROTICISM, -1, r"\b(?:gelassen|entspannt|keine Sorge|ganz ruhig|wird schon)\b"),
    ),
    times=Times(
        months={name.casefold(): number for number, name in enumerate(_MONTHS, 1)},
        opener=pattern(r"\b(?:im|seit|bis|vor|nach|letzten) $"),
        relative={
            "vorgestern": ("day", -2),
            "gestern": ("day", -1),
            "heute": ("day", 0),
            "letzte woche": ("week", -1),
            "vorige woche": ("week", -1),
            "diese woche": ("week", 0),
            "nächste woche": ("week", 1),
            "letzten monat": ("month", -1),
            "diesen monat": ("month", 0),
            "nächsten monat": ("month", 1),
            "letztes jahr": ("year", -1),
            "dieses jahr": ("year", 0),
        },
        ago=pattern(r"\bvor (?P<n>\d+|einem|einer|zwei|drei|vier|fünf|sechs) (?P<unit>Tag|Woche|Monat|Jahr)(?:en|e|n)?\b"),
        units={"tag": "day", "woche": "week", "monat": "month", "jahr": "year"},
        numbers={"einem": 1, "einer": 1, "zwei": 2, "drei": 3, "vier": 4, "fünf": 5, "sechs": 6},
        weekdays=("montag", "dienstag", "mittwoch", "donnerstag", "freitag", "samstag", "sonntag"),
        before=pattern(r"\b(?:vor(?: dem)?|bis(?: zum)?) $"),
        after=pattern(r"\b(?:seit(?: dem)?|nach(?: dem)?|ab(?: dem)?) $"),
        once=pattern(r"\b(?:früher|damals|vorher|ehemals)\b"),
        future=pattern(r"\b(?:plane|geplant|vor habe|nächste\w*|werde|morgen)\b"),
    ),
    phrases=Phrases(
        hello="Hallo! Was beschäftigt dich?",
        rules="Ich antworte nach festen Regeln, nicht mit einem Sprachmodell: Ich merke mir, was du erzählst, und finde es wieder.",
        thanks="Gern geschehen.",
        warm="Wie schön, dass du mir das erzählst! Ich merke mir, dass {fact}.",
        plain="Notiert, dass {fact}.",
        calm="In Ruhe: Ich merke mir, dass {fact}.",
        heard="Danke, dass du es mir erzählst; es bleibt in unserem Gespräch.",
        known="Ich weiß, dass {fact}.",
        told="Du hast mir am {day} erzählt, dass {fact}.",
        told_sometime="Du hast mir erzählt, dass {fact}.",
        quoted="Am {day} hast du gesagt: „{quote}“",
        advised="Am {day} habe ich gesagt: „{quote}“",
        talked="Am {day} sprachen wir darüber: {quote}",
        habit="Du hast mir erzählt: {quote}",
        past="Das gilt nicht mehr.",
        noted="Ich habe notiert: {quote}",
        unknown="Das weiß ich nicht: Ich habe nachgesehen und finde nichts, was du mir dazu erzählt hast.",
        unknown_then="Ich habe in dieser Zeit und darüber hinaus gesucht und nichts dazu gefunden.",
        doubt="Dazu habe ich in dem, was du erzählt hast, nichts gefunden; das ist geraten.",
        day="{day}. {month} {year}",
        months=_MONTHS,
    ),
)
