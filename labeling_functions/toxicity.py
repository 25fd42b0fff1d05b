"""Labeling functions for toxic comments in English, column ``text``.

Each rule votes ``"TOXIC"`` or ``"OK"``, or abstains. What counts is hostility towards somebody: an
insult said to a person, a threat, a wish of harm, calls to shut up or to go. A swear word alone is
a weak sign (people swear in joy), so it is a rule of its own. The pack names no groups of people:
lists of slurs go out of date, differ by country and flag those who are insulted as often as those
who insult; add one of your own with ``keywords("slurs", file=...)`` where it is needed.
"""

from __future__ import annotations

from labeling_functions.keyword_rules import keywords
from labeling_functions.numbers_and_dates import text_statistic
from labeling_functions.patterns import regex

LABELS = ["OK", "TOXIC"]
OK, TOXIC = LABELS

INSULT = (
    r"(?:idiot|moron|stupid|dumb|loser|pathetic|imbecile|scum|trash|garbage|worthless|disgusting"
    r"|clown|coward|liar|fool|retard(?:ed)?|ass ?hole|bitch|bastard|pig|jerk|cretin|dimwit)s?"
)

insult_to_a_person = regex(
    "insult_to_a_person",
    rf"\byou(?:'?re| are| r)?,? (?:all |both |just |so |such |such an? |an? |the |f\w+ing |really "
    rf"|\w+ )?{INSULT}\b",
    TOXIC,
    labels=LABELS,
    ignore_case=True,
)
called_names = regex(
    "called_names",
    rf"\b(?:what an?|such an?|stop being an?|bunch of|he'?s an?|she'?s an?|they'?re(?: all)?)"
    rf"(?: \w+)? {INSULT}\b",
    TOXIC,
    labels=LABELS,
    ignore_case=True,
)
threat = regex(
    "threat",
    r"\b(?:i(?:'ll| will|'m going to| am going to| want to)|we(?:'ll| will)) "
    r"(?:kill|hurt|find|beat|punch|destroy|shoot|stab|end) (?:you|u|him|her|them)\b",
    TOXIC,
    labels=LABELS,
    ignore_case=True,
)
wish_of_harm = keywords(
    "wish_of_harm",
    ["kill yourself", "go die", "hope you die", "drop dead", "kys", "rot in hell", "burn in hell",
     "go to hell", "deserve to die", "should be shot", "hope you get", "wish you were dead"],
    TOXIC,
    labels=LABELS,
)  # fmt: skip
dismissal = keywords(
    "dismissal",
    ["shut up", "shut the", "get lost", "get a life", "nobody cares", "no one cares", "go away",
     "f off", "fuck off", "piss off", "stfu", "gtfo", "fuck you", "screw you", "get out of here"],
    TOXIC,
    labels=LABELS,
)  # fmt: skip
swears = regex(
    "swears",
    r"\b(?:f+u+c+k+\w*|f\*+c?k\w*|shit\w*|bullshit|asshole\w*|bitch\w*|cunt\w*|dickhead\w*)",
    TOXIC,
    labels=LABELS,
    ignore_case=True,
)
shouts = text_statistic("shouts", "upper_share", above=0.8, label_above=TOXIC, labels=LABELS)
thanks = keywords(
    "thanks",
    ["thank you", "thanks", "appreciate", "please", "great job", "well done", "good point",
     "congratulations", "welcome", "i agree", "sorry", "cheers"],
    OK,
    labels=LABELS,
    unless=["shut up", "idiot", "stupid", "moron", "thanks for nothing"],
)  # fmt: skip
cites = regex(
    "cites",
    r"https?://|\b(?:according to|source|article|reference|citation|section|page \d+)\b",
    OK,
    labels=LABELS,
    ignore_case=True,
)
addresses_nobody = keywords(
    "addresses_nobody",
    ["the", "a", "an", "of", "in", "is", "was", "and", "to"],
    OK,
    labels=LABELS,
    min_count=2,
    unless=[
        "you", "u", "ur", "your", "he", "she", "him", "his", "her", "they", "them", "hate", "idiot",
        "stupid", "dumb", "moron", "fuck", "fucking", "shit", "bullshit", "asshole", "bitch",
    ],
)  # fmt: skip
