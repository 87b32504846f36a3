"""English."""

# fmt: off
# ruff: noqa: E501 - one pattern a line

from __future__ import annotations

from persona_graph.personality import Trait
from persona_graph.policy.offline.language import Language, Phrases, Slot, Times, cue, pattern, rule
from persona_graph.retrieval.languages.english import ENGLISH as WORDS

_BE = r"(?:'m| am|'ve been| have been)"
_NOW = r"(?:now|these days|nowadays|currently|lately|recently|today|actually|really|also|still|just|mostly|usually|always|absolutely)"
_JOB = (
    r"(?:[a-z-]+ ){0,3}?(?:nurse|doctor|teacher|student|engineer|developer|programmer|designer|lawyer|writer|editor|chef|cook|"
    r"baker|pilot|driver|carpenter|electrician|plumber|librarian|musician|artist|painter|architect|scientist|researcher|"
    r"professor|accountant|manager|consultant|dentist|pharmacist|vet|veterinarian|farmer|gardener|journalist|translator|"
    r"photographer|analyst|therapist|psychologist|physicist|biologist|chemist|mechanic|barista|waiter|waitress|clerk|tutor|"
    r"paramedic|midwife|firefighter|potter|tailor|actor|actress|dancer|singer|banker|potter|beekeeper)s?"
)
_NO_NAME = (
    r"(?:[a-z]+(?:ish|ese)|german|french|dutch|swiss|greek|czech|thai|iraqi|israeli|pakistani|american|canadian|mexican|brazilian|australian|austrian|"
    r"african|european|asian|italian|indian|russian|ukrainian|norwegian|belgian|hungarian|romanian|bulgarian|croatian|serbian|slovakian|estonian|latvian|"
    r"lithuanian|nigerian|kenyan|egyptian|iranian|indonesian|malaysian|peruvian|colombian|chilean|argentinian|venezuelan|cuban|korean|christian|catholic|protestant|"
    r"muslim|hindu|buddhist|sikh|jew|atheist|vegan|vegetarian|pescatarian|fine|good|great|tired|sad|happy|sorry|ready|back|here|home|busy|bored|sick|ill|"
    r"well|alone|angry|afraid|scared|worried|nervous|hungry|thirsty|late|lost|sure|glad|new|old|young|single|married|divorced|pregnant|retired|excited|"
    r"stressed|anxious|lonely|depressed|curious|confused|exhausted|sleepy|free|done|gay|bi|trans|not|so|too|very|just|going|doing|feeling|[a-z]+ing|" + _JOB + ")"
)
_RELATIVES = "mother mom mum father dad sister brother wife husband partner girlfriend boyfriend fiancé fiancée son daughter grandmother grandma grandfather grandpa aunt uncle cousin niece nephew".split()
_KIN = rf"(?P<thing>(?:(?:older|elder|younger|little|big|twin|oldest|youngest) )?(?:{'|'.join(_RELATIVES)}))"

ENGLISH = Language(
    code="en",
    common=WORDS.stopwords | frozenset("every along always usually really actually also still even maybe quite oh yes no ok okay hi hello hey thanks please".split()),
    clause=pattern(r",? (?:but|because|although|though|so|while|which|and (?=(?:I|I'm|my|we|it|that)\b))\b *|; *|, (?=(?:and )?(?:I|my|we)\b)| [-–—] |, (?=(?:it|which|that)\b)"),
    tail=pattern(
        r",? (?:now|nowadays|these days|lately|recently|at the moment|right now|currently|instead|any ?more|any longer|very much|so much|a lot|too|as well|again|though|finally|honestly|"
        r"with all my heart|the most|best|today|yesterday|for now|already|(?:last|this) (?:week|weekend|month|year|spring|summer|autumn|fall|winter)|"
        r"(?:\d+|an?|two|three|four|five|six|a few|some) (?:days?|weeks?|months?|years?) ago|since \w+(?: \d{4})?|in (?:January|February|March|April|May|June|July|August|September|October|November|December)(?: \d{4})?)$"
    ),
    vague=pattern(r"^(?:that|this|these|those|it|them|how|when|what|your?|doing (?:it|that|and))\b"),
    swap={"i": "they", "i'm": "they're", "i've": "they've", "i'll": "they'll", "i'd": "they'd", "my": "their", "mine": "theirs", "me": "them", "myself": "themselves", "our": "their", "we": "they", "us": "them"},
    address={"their": "your", "theirs": "yours", "them": "you", "themselves": "yourself", "they": "you", "they're": "you're", "they've": "you've", "they'll": "you'll", "they'd": "you'd"},
    mirror={
        "i was": "you were", "i am": "you are", "i'm": "you're", "i've": "you've", "i'll": "you'll", "i'd": "you'd", "i": "you", "my": "your",
        "mine": "yours", "me": "you", "myself": "yourself", "we": "you", "we're": "you're", "we've": "you've", "our": "your", "us": "you",
    },
    rules=(
        rule(Slot.NAME, r"\b(?:my name is|my name's|I'm called|call me) <value>", "Name is {value}", "your name is {value}"),
        rule(Slot.NAME, rf"^(?:(?:hi|hello|hey)(?: there)?,? )?I(?:'m| am) (?!{_NO_NAME}$)(?-i:(?P<value>[A-ZÀ-ÖØ-Þ][a-zß-öø-ÿ]+(?:-[A-Z][a-z]+)?))$", "Name is {value}", "your name is {value}"),
        rule(Slot.AGE, rf"\bI{_BE} (?P<value>\d{{1,3}})(?: years old)?$", "Is {value} years old", "you are {value} years old"),
        rule(Slot.AGE, r"\bI (?:just )?turned (?P<value>\d{1,3})$", "Is {value} years old", "you are {value} years old"),
        rule(Slot.HOME, rf"\bI(?:'ve| have)?(?: {_NOW})* (?:moved|relocated) (?:away |back )?(?:from <old> )?to <value>", "Lives in {value}", "you live in {value}"),
        rule(Slot.HOME, rf"\bI(?: {_NOW})* live (?:in|near|at) <value>", "Lives in {value}", "you live in {value}"),
        rule(Slot.HOME, rf"\bI{_BE}(?: {_NOW})* living (?:in|near|at) <value>", "Lives in {value}", "you live in {value}"),
        rule(Slot.ORIGIN, r"\bI(?:'m| am) (?:originally )?from <value>", "Comes from {value}", "you come from {value}"),
        rule(Slot.ORIGIN, r"\bI (?:was born|grew up) in <value>", "Comes from {value}", "you come from {value}"),
        rule(Slot.JOB, rf"\bI(?: {_NOW})* work as <value>", "Works as {value}", "you work as {value}"),
        rule(Slot.JOB, rf"\bI(?:'ve)?(?: {_NOW})* (?:started|got|found) (?:a )?(?:new )?(?:job|work|working) as <value>", "Works as {value}", "you work as {value}"),
        rule(Slot.JOB, rf"\bI{_BE} (?:now )?(?:working as )?(?P<value>an? {_JOB}(?: (?:at|for|in|with) .+)?)(?: now| these days)?$", "Works as {value}", "you work as {value}"),
        rule(Slot.EMPLOYER, rf"\bI(?: {_NOW})* work (?:at|for) <value>", "Works at {value}", "you work at {value}"),
        rule(Slot.LANGUAGES, r"\bI (?:can )?speak <value>", "Speaks {value}", "you speak {value}"),
        rule(Slot.DIET, rf"\bI{_BE} (?P<value>(?:a )?(?:vegan|vegetarian|pescatarian)|allergic to .+|(?:gluten|lactose)[- ]intolerant)", "Is {value}", "you are {value}"),
        rule(Slot.CALLED, rf"\bmy {_KIN},? (?-i:(?P<value>[A-Z][\w-]+))", "Their {thing} is called {value}", "your {thing} is called {value}"),
        rule(Slot.CALLED, r"\b(?:my|our) <thing>(?:'s name is|'s called| is called| is named| are called| are named) <value>", "Their {thing} is called {value}", "your {thing} is called {value}"),
        rule(Slot.CALLED, r"\b(?:I have|I've got|I got|we have|we got|I adopted|we adopted|I bought) (?:an? |the )<thing>,? (?:called|named|whose name is) <value>", "Their {thing} is called {value}", "your {thing} is called {value}"),
        rule(Slot.FAVOURITE, r"\bmy (?:new )?favou?rite <thing> (?:is|are|has become) (?:now )?<value>", "Their favourite {thing} is {value}", "your favourite {thing} is {value}"),
        rule(Slot.STOPPED, rf"\bI (?:no longer|don't|do not|can't|cannot)(?: {_NOW})* (?:like|love|enjoy|drink|eat|want|stand|have|do|play)s? <value> (?:any ?more|any longer)", "No longer likes {value}", "you no longer like {value}"),
        rule(Slot.STOPPED, r"\bI no longer (?:like|love|enjoy|drink|eat|want|do|play) <value>", "No longer likes {value}", "you no longer like {value}"),
        rule(Slot.STOPPED, r"\bI(?:'ve| have)? (?:recently |just )?(?:stopped|quit|given up|gave up|gone off|went off) (?:drinking |eating |liking |playing )?<value>", "No longer likes {value}", "you no longer like {value}"),
        rule(Slot.PREFERS, rf"\bI(?:'ve| have)?(?: {_NOW})* (?:switched|changed|moved over)(?: over)? from <old> to <value>", "Now prefers {value} to {old}", "you now prefer {value} to {old}"),
        rule(Slot.PREFERS, rf"\bI(?:'d)?(?: {_NOW})* (?:prefer|drink|eat|like|love|choose|take) <value> (?:instead of|rather than|over|more than|to) <old>$", "Now prefers {value} to {old}", "you now prefer {value} to {old}"),
        rule(Slot.PREFERS, rf"\bI(?:'ve| have)?(?: {_NOW})* switched to <value>", "Now prefers {value}", "you now prefer {value}"),
        rule(Slot.PREFERS, rf"\bI(?:'d)?(?: {_NOW})* prefer <value>", "Now prefers {value}", "you now prefer {value}"),
        rule(Slot.PREFERS, r"\b(?:now|these days|nowadays|lately),? I (?:drink|eat|like|love|take|choose) (?:only )?<value>", "Now prefers {value}", "you now prefer {value}"),
        rule(Slot.PREFERS, r"\bI (?:now|mostly|only) (?:drink|eat|like|love|take|choose) (?:only )?<value>", "Now prefers {value}", "you now prefer {value}"),
        rule(Slot.DISLIKES, rf"\bI(?: {_NOW})* (?:hate|dislike|detest|loathe|can't stand|cannot stand|don't(?: really)? (?:like|enjoy)|do not (?:like|enjoy)) <value>", "Dislikes {value}", "you dislike {value}"),
        rule(Slot.DISLIKES, rf"\bI{_BE} (?:not (?:a fan of|into|fond of)|afraid of|scared of) <value>", "Dislikes {value}", "you dislike {value}"),
        rule(Slot.LIKES, rf"\bI(?: {_NOW})* (?:like|love|enjoy|adore) <value>", "Likes {value}", "you like {value}"),
        rule(Slot.LIKES, rf"\bI{_BE}(?: {_NOW})* (?:a (?:big |huge |great )?fan of|into|fond of|keen on|crazy about|passionate about) <value>", "Likes {value}", "you like {value}"),
        rule(Slot.PLANS, rf"\bI(?:'m| am)(?: {_NOW})* (?:going to|planning to|planning|flying to|travelling to|traveling to|visiting) <value>", "Plans: {value}", "you plan: {value}"),
        rule(Slot.PLANS, r"\bI(?:'ll| will| plan to) <value>", "Plans: {value}", "you plan: {value}"),
        rule(Slot.HAS, rf"\b(?:I|we)(?: {_NOW})* (?:have|own|adopted|bought|got)(?: got)? (?P<value>(?:an?|two|three|four|five|\d+) (?!.*\b(?:questions?|problems?|ideas?|moment|time|chat|look|bit|day|lot|feeling|plans?|favou?r|meeting)\b).+)", "Has {value}", "you have {value}"),
        rule(Slot.IS, r"\bmy <thing> is (?:now )?<value>", "Their {thing} is {value}", "your {thing} is {value}"),
        rule(Slot.IS, r"\bmy <thing> are (?:now )?<value>", "Their {thing} are {value}", "your {thing} are {value}"),
        rule(Slot.IS, r"\bmy <thing> (?P<value>(?:lives|works|plays|studies|likes|loves|teaches|runs|has|speaks|comes) .+)", "Their {thing} {value}", "your {thing} {value}"),
    ),
    asks=(
        (pattern(r"\bmy name\b|\bwho am I\b|\bam I called\b"), frozenset({Slot.NAME})),
        (pattern(r"\bhow old am I\b|\bmy age\b"), frozenset({Slot.AGE})),
        (pattern(r"\bwhere (?:do|did|am|was) I (?:now |currently |use to )?(?:live|living|stay)|\bmy (?:home|city|address|town)\b|\b(?:city|country|town) (?:do|did) I live"), frozenset({Slot.HOME})),
        (pattern(r"\bwhere (?:am|was|do) I (?:come )?(?:from|born)|\bmy (?:origin|home ?town)\b|\bdid I grow up"), frozenset({Slot.ORIGIN})),
        (pattern(r"\bmy (?:job|profession|occupation|career)\b|\bdo I do for (?:a living|work)|\bwhat do I work\b"), frozenset({Slot.JOB, Slot.EMPLOYER})),
        (pattern(r"\bwh(?:ere|o) do I work\b|\bmy (?:employer|company|boss)\b"), frozenset({Slot.EMPLOYER, Slot.JOB})),
        (pattern(r"\blanguages?\b.*\bI speak|\bmy languages?\b"), frozenset({Slot.LANGUAGES})),
        (pattern(r"\bam I (?:vegan|vegetarian|allergic)|\bmy (?:diet|allerg)|\bcan't I eat"), frozenset({Slot.DIET})),
        (pattern(r"\bmy (?P<thing>[\w ]+?)(?:'s name| called| named)\b|\bname of my (?P<other>\w+)"), frozenset({Slot.CALLED})),
        (pattern(r"\bfavou?rite (?P<thing>\w+)"), frozenset({Slot.FAVOURITE, Slot.LIKES, Slot.PREFERS})),
        (pattern(r"\b(?:don't I|do I not|do I (?:dislike|hate|no longer)|did I (?:stop|quit|give up))\b"), frozenset({Slot.DISLIKES, Slot.STOPPED})),
        (pattern(r"\bdo I (?:now |still |currently )?(?:like|love|enjoy|prefer|drink|eat)\b|\bdid I (?:use to )?(?:like|love|enjoy|prefer|drink|eat)\b|\bmy (?:preferences?|tastes?|hobby|hobbies)\b|\bam I into\b"), frozenset({Slot.LIKES, Slot.PREFERS, Slot.FAVOURITE})),
        (pattern(r"\bshould I (?:drink|eat|read|watch|cook|listen|do|try|order)\b|\b(?:recommend|suggest)(?: me)?\b"), frozenset({Slot.LIKES, Slot.PREFERS, Slot.FAVOURITE})),
        (pattern(r"\bdo I (?:have|own)\b|\bmy pets?\b"), frozenset({Slot.HAS, Slot.CALLED})),
        (pattern(r"\b(?:am I|do I|did I|have I) (?:going|plan|planned|planning)|\bmy plans?\b"), frozenset({Slot.PLANS})),
        (pattern(r"\b(?:is|are|was|were|about) my (?P<thing>\w+(?: \w+)?)"), frozenset({Slot.IS})),
    ),
    vocabulary={
        Slot.HOME: "home live city moved",
        Slot.ORIGIN: "from born origin",
        Slot.JOB: "job work profession started",
        Slot.EMPLOYER: "work company employer",
        Slot.LANGUAGES: "language speak",
        Slot.DIET: "diet food allergy",
        Slot.CALLED: "name called",
        Slot.FAVOURITE: "favourite like preference",
        Slot.LIKES: "like preference switched",
        Slot.PREFERS: "prefer like preference switched",
        Slot.DISLIKES: "dislike like preference",
        Slot.STOPPED: "stopped like preference",
        Slot.HAS: "has own",
        Slot.PLANS: "plan",
    },
    kinds={
        "drink": tuple("tea coffee espresso cappuccino latte juice water wine beer milk cocoa lemonade soda matcha chai drink drinks drinking".split()),
        "food": tuple("pizza pasta sushi curry salad soup steak bread cheese chocolate rice noodles food eat dish meal cuisine ramen tacos burgers".split()),
        "sport": tuple("running swimming cycling football soccer tennis basketball climbing yoga hiking boxing rowing skiing gym pilates sport sports exercise jogging".split()),
        "music": tuple("jazz rock pop classical techno hip-hop metal folk blues opera punk music".split()),
        "colour": tuple("red blue green yellow black white purple orange pink grey brown colour color".split()),
        "pet": tuple("dog cat rabbit parrot hamster fish horse puppy kitten pet".split()),
    },
    relatives=frozenset(_RELATIVES),
    question=pattern(r"^(?:and |so |but |hey |hi |hello |well |please |,)*(?:what|when|where|who|whom|whose|which|why|how|do|does|did|is|are|was|were|can|could|would|will|should|have|has|am|may|tell me|remind me|recommend|suggest)\b"),
    asks_us=pattern(r"\b(?:did|have|had) you (?:\w+ )?(?:say|said|tell|told|recommend|recommended|suggest|suggested|advise|advised|mention|mentioned|answer|answered)\b|\byour (?:advice|suggestion|recommendation|answer)\b"),
    asks_who=pattern(r"\b(?:who|what) are you\b|\bare you (?:an? )?(?:ai|robot|bot|human|real|person|language model|model|program)\b|\bhow do you work\b"),
    greeting=pattern(r"^(?:hi|hello|hey|good (?:morning|afternoon|evening|day)|how are you|how's it going|what's up|bye|goodbye|see you|good night)\b[^?]*\??$"),
    thanking=pattern(r"^(?:thanks|thank you|thx|cheers)\b"),
    habit=pattern(
        r"\b(?:every (?:single )?(?:morning|evening|day|night|week|weekend|month|afternoon|monday|tuesday|wednesday|thursday|friday|saturday|sunday)|each (?:morning|evening|day|week)|on (?:mon|tues|wednes|thurs|fri|satur|sun)days|I (?:usually|always|often|normally|regularly)|twice a|once a (?:day|week)|before bed)\b"
    ),
    goal=pattern(
        r"\b(?:I(?:'d like| would like| want|'m hoping| hope| plan| intend|'ve decided)? to (?!know|ask|hear|see if|tell)\w+|my (?:goal|aim|dream|resolution) is|I'm (?:training for|learning|saving (?:up )?for|working towards?|preparing for|studying for)|I am (?:training for|learning|saving (?:up )?for|working towards?|preparing for|studying for))\b"
    ),
    given_up=pattern(r"\bI(?:'ve| have)? (?:stopped|quit|gave up|given up|no longer|finished|completed)\b|\bany ?more\b"),
    cues=(
        cue(Trait.OPENNESS, 1, r"\b(?:love|like|enjoy|try|trying|tried) (?:to try |trying |learning |exploring )?new (?:things|food|foods|places|ideas|recipes|music|languages?)|\b(?:curious|fascinated|fascinating|museum|gallery|poetry|poem|imagin\w+|creative|philosoph\w+|painting|explor\w+|abstract art)\b"),
        cue(Trait.OPENNESS, -1, r"\b(?:stick to what I know|the usual|nothing fancy|don't like (?:change|new things|surprises)|hate change|as I always have|boring theory|same as always)\b"),
        cue(Trait.CONSCIENTIOUSNESS, 1, r"\b(?:planned (?:everything|it all|ahead|every)|I (?:always )?plan (?:everything|ahead)|to-do list|checklist|spreadsheet|organi[sz]ed|on schedule|ahead of (?:time|schedule)|deadline\w* (?:met|done)|tidied|double-checked|in detail|step by step|finished (?:early|everything))\b"),
        cue(Trait.CONSCIENTIOUSNESS, -1, r"\b(?:last minute|procrastinat\w+|forgot (?:again|my|to)|messy|no plan|without a plan|lost my (?:keys|phone|wallet)|late again|go with the flow|couldn't be bothered)\b"),
        cue(Trait.EXTRAVERSION, 1, r"\b(?:party|parties|with (?:all )?(?:my )?friends|met (?:so many|lots of|new) people|love (?:meeting )?people|crowd|danced|karaoke|on stage|talked to everyone|can't wait|so excited)\b"),
        cue(Trait.EXTRAVERSION, -1, r"\b(?:alone|by myself|quiet (?:evening|night|weekend|time)|stayed (?:in|home)|too many people|need(?:ed)? (?:some )?(?:peace|quiet|time alone)|shy|prefer to stay|introvert\w*)\b"),
        cue(Trait.AGREEABLENESS, 1, r"\b(?:thank you(?: so much)?|thanks a lot|so kind|helped (?:my|her|him|them|a|an|out)|volunteer\w*|happy for (?:her|him|them|you)|sorry for|please take care|appreciate|grateful|gave (?:her|him|them))\b"),
        cue(Trait.AGREEABLENESS, -1, r"\b(?:stupid|idiots?|nonsense|don't care what|their (?:own )?fault|useless|shut up|hate (?:people|everyone)|told (?:him|her|them) off|you are wrong|you're wrong)\b"),
        cue(Trait.NEUROTICISM, 1, r"\b(?:worr(?:y|ied|ying)|anxious|anxiety|nervous|stress(?:ed|ful)?|panic\w*|afraid|scared|can't sleep|couldn't sleep|overwhelmed|upset|crying|cried|what if)\b"),
        cue(Trait.NEUROTICISM, -1, r"\b(?:calm|relaxed|no worries|not worried|don't worry|it'll be fine|it will be fine|at ease|takes? it easy|nothing bothers me|slept (?:well|great))\b"),
    ),
    times=Times(
        months=WORDS.months,
        doubtful=WORDS.doubtful_months,
        opener=pattern(rf"\b(?:{'|'.join(sorted(WORDS.month_openers))}) $"),
        relative={
            "day before yesterday": ("day", -2),
            "yesterday": ("day", -1),
            "today": ("day", 0),
            "tomorrow": ("day", 1),
            "last week(?:end)?": ("week", -1),
            "this week": ("week", 0),
            "next week(?:end)?": ("week", 1),
            "last month": ("month", -1),
            "this month": ("month", 0),
            "next month": ("month", 1),
            "last year": ("year", -1),
            "this year": ("year", 0),
            "next year": ("year", 1),
        },
        ago=pattern(r"\b(?P<n>\d+|an?|one|two|three|four|five|six|seven|eight|nine|ten|a couple of|a few) (?P<unit>day|week|month|year)s? ago\b"),
        units={"d": "day", "w": "week", "m": "month", "y": "year"},
        numbers={"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "a couple of": 2, "a few": 3},
        weekdays=("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"),
        before=pattern(r"\b(?:before|until|till|prior to|by)(?: the)? $"),
        after=pattern(r"\b(?:since|after|from)(?: the)? $"),
        once=pattern(r"\b(?:used? to|previously|in the past|back then|formerly|originally)\b|\bbefore\W*$"),
        future=pattern(r"\b(?:going to|plan|plans|planning|next|will|upcoming|tomorrow)\b"),
    ),
    phrases=Phrases(
        hello="Hello! What is on your mind?",
        rules="I answer by fixed rules, not with a language model: I note what you tell me and find it again.",
        thanks="You are welcome.",
        warm="How lovely that you tell me! So {fact}. I'll remember it.",
        plain="Noted: {fact}.",
        calm="All right, no rush: {fact}. I have it safe.",
        heard="Thank you for telling me; I keep it in our conversation.",
        kept="I'll remember that: “{quote}”",
        comfort="That sounds hard. Thank you for telling me; I am listening.",
        known="I know that {fact}.",
        told="You told me on {day} that {fact}.",
        told_sometime="You told me that {fact}.",
        quoted="On {day} you said: “{quote}”",
        advised="On {day} I said: “{quote}”",
        talked="We talked about it on {day}: {quote}",
        habit="You told me: {quote}",
        past="That is no longer so.",
        noted="I have noted: {quote}",
        unknown="I do not know that: I looked, and you have not told me anything about it that I can find.",
        unknown_then="I looked into that time and beyond it, and found nothing about it.",
        doubt="I found nothing about it in what you told me, so this is a guess.",
        day="{day} {month} {year}",
        months=("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"),
        habit_key="habit",
        goal_key="goal",
        mirrored="{said}. Thank you for telling me.",
    ),
)
