"""English."""

from __future__ import annotations

from persona_graph.retrieval.languages.language import Language, Mark

ENGLISH = Language(
    code="en",
    stopwords=frozenset(
        """a an the this that these those and or but nor so if then than as of at by for with about against between
        into through during before after above below to from up down in out on off over under again further once here
        there all any both each few more most other some such no not only own same too very can will just should now
        i me my mine myself we our ours ourselves you your yours yourself he him his himself she her hers herself it
        its itself they them their theirs themselves what which who whom whose when where why how am is are was were be
        been being have has had having do does did doing would could might must shall may ought
        i'm you're he's she's it's we're they're i've you've we've they've i'd you'd he'd she'd we'd they'd i'll you'll
        he'll she'll we'll they'll isn't aren't wasn't weren't hasn't haven't hadn't doesn't don't didn't won't
        wouldn't can't cannot couldn't shouldn't let's that's who's what's here's there's when's where's why's how's
        because until while also ever yet around towards toward upon within without let us s t""".split()
    ),
    weak=frozenset(
        """go goes going went gone get gets getting got make makes made making kind kinds type types sort time times
        thing things way ways many much lot lots something someone anything new like likes say says said tell told
        talk talked mention mentioned describe described take takes took taken taking come came coming use used using
        one two first last recent recently currently current feel feels felt think thinks thought want wants wanted
        know knew people person give gave given see saw seen have name names specific particular certain
        considered according regarding related involved likely day days week weeks month months year years
        date event events activity activities did do done share shared""".split()
    ),
    first_person=frozenset("i i'm i've i'd i'll me my mine myself we we're we've we'll we'd our ours us".split()),
    second_person=frozenset("you you're you've you'd you'll your yours".split()),
    pleasantries=frozenset(
        phrase.strip()
        for phrase in """do you remember, do you recall, do you know, can you remember, can you recall, can you tell me,
        could you tell me, could you remind me, can you remind me, please remind me, remind me, tell me,
        would you tell me, you remember, i want to know, i would like to know, i'd like to know, i wonder,
        let me know""".split(",")
    ),
    answers={
        "when": Mark.TIME,
        "what day": Mark.TIME,
        "what date": Mark.TIME,
        "what year": Mark.TIME,
        "which month": Mark.TIME,
        "which year": Mark.TIME,
        "what time": Mark.TIME,
        "how long": Mark.TIME | Mark.NUMBER,
        "how often": Mark.TIME | Mark.NUMBER,
        "how many": Mark.NUMBER,
        "how much": Mark.NUMBER,
        "how old": Mark.NUMBER,
        "who": Mark.NAME,
        "whom": Mark.NAME,
        "whose": Mark.NAME,
        "where": Mark.NAME,
        "name": Mark.NAME,
        "names": Mark.NAME,
        "called": Mark.NAME,
        "city": Mark.NAME,
        "cities": Mark.NAME,
        "country": Mark.NAME,
        "countries": Mark.NAME,
        "state": Mark.NAME,
        "book": Mark.NAME,
        "books": Mark.NAME,
        "movie": Mark.NAME,
        "movies": Mark.NAME,
        "band": Mark.NAME,
        "bands": Mark.NAME,
    },
    months={
        "january": 1,
        "february": 2,
        "march": 3,
        "april": 4,
        "may": 5,
        "june": 6,
        "july": 7,
        "august": 8,
        "september": 9,
        "october": 10,
        "november": 11,
        "december": 12,
        "jan": 1,
        "feb": 2,
        "mar": 3,
        "apr": 4,
        "jun": 6,
        "jul": 7,
        "aug": 8,
        "sep": 9,
        "sept": 9,
        "oct": 10,
        "nov": 11,
        "dec": 12,
    },  # fmt: skip
    doubtful_months=frozenset({"may", "march", "mar", "jan", "sep", "dec"}),
    month_openers=frozenset("in during of since until till by before after last this next early late mid".split()),
    time_words=frozenset(
        """yesterday today tonight tomorrow ago since weekend monday tuesday wednesday thursday friday saturday sunday
        mon tue tues wed thu thurs fri sat sun january february march april june july august september october november
        december morning evening afternoon week weeks month months year years last next recently soon already
        spring summer autumn fall winter christmas easter thanksgiving birthday anniversary""".split()
    ),
    relative_days={
        "today": (0, 0),
        "yesterday": (-1, -1),
        "last week": (-13, -1),
        "this week": (-6, 0),
        "last weekend": (-8, -1),
        "last month": (-61, -1),
        "this month": (-30, 0),
        "past week": (-7, 0),
        "past month": (-31, 0),
    },
    number_words=frozenset(
        """two three four five six seven eight nine ten eleven twelve dozen twenty thirty forty fifty hundred thousand
        once twice couple several""".split()
    ),
)
