"""Labeling functions for the sentiment of English reviews, column ``text``.

Each rule votes ``"positive"``, ``"negative"`` or abstains. They are lists of words and phrases that
nearly always mean one thing in a review, whatever it is about. A word after a negation ("not
good", "never boring") does not count for its side; denied praise speaks for the other. Irony, plot
summaries ("the monster destroys the beautiful city") and mixed reviews are where they err; that is
what the label model is for. The lists were written from general knowledge of English, and none was
fitted to data; a rule for denied blame ("not bad") was dropped because scores on two sets of film
reviews showed that it says little.
"""

from __future__ import annotations

from typing import Final

from labeling_functions.keyword_rules import keywords
from labeling_functions.patterns import regex

LABELS = ["negative", "positive"]
NEGATIVE, POSITIVE = LABELS

PRAISE: Final = (
    "excellent", "superb", "wonderful", "brilliant", "masterpiece", "fantastic", "outstanding",
    "magnificent", "terrific", "flawless", "exceptional", "remarkable", "stunning", "perfect",
    "amazing", "awesome", "delightful", "marvelous", "gorgeous", "splendid",
)  # fmt: skip
CHARM: Final = (
    "charming", "enjoyable", "funny", "hilarious", "touching", "moving", "powerful", "beautiful",
    "beautifully", "refreshing", "gripping", "engaging", "entertaining", "clever", "witty", "warm",
    "compelling", "heartfelt", "captivating", "thoughtful", "riveting", "inventive", "smart",
)  # fmt: skip
BLAME: Final = (
    "awful", "terrible", "horrible", "dreadful", "atrocious", "abysmal", "pathetic", "garbage",
    "crap", "worthless", "unwatchable", "disgusting", "appalling", "ridiculous", "laughable",
    "worst", "rubbish", "useless", "horrendous", "stinks", "sucks",
)  # fmt: skip
TEDIUM: Final = (
    "boring", "dull", "tedious", "bland", "predictable", "lame", "mediocre", "uninspired", "stale",
    "pointless", "lifeless", "forgettable", "disappointing", "disappointed", "disappointment",
    "clumsy", "pretentious", "shallow", "contrived", "unfunny", "annoying", "poorly", "mess",
    "clichéd", "tired", "flat", "stupid", "silly",
)  # fmt: skip
NEGATION: Final = r"\b(?:not|no|never|hardly|isn'?t|wasn'?t|aren'?t|without|nothing|neither)\b"


def denied(words: tuple[str, ...]) -> tuple[str, ...]:
    """The words under a plain negation, with a small word between at most."""
    gaps = ("", "a ", "an ", "very ", "so ", "that ", "really ", "the ", "at all ")
    heads = ("not", "never", "isn't", "wasn't", "hardly", "no")
    return tuple(f"{head} {gap}{word}" for head in heads for gap in gaps for word in words)


high_praise = keywords("high_praise", PRAISE, POSITIVE, labels=LABELS, unless=denied(PRAISE))
charm = keywords("charm", CHARM, POSITIVE, labels=LABELS, unless=denied(CHARM))
strong_blame = keywords("strong_blame", BLAME, NEGATIVE, labels=LABELS, unless=denied(BLAME))
tedium = keywords("tedium", TEDIUM, NEGATIVE, labels=LABELS, unless=denied(TEDIUM))
denied_praise = regex(
    "denied_praise",
    NEGATION
    + r" (?:\w+ )?(?:good|great|funny|interesting|worth|enjoyable|convincing|believable)\b",
    NEGATIVE,
    labels=LABELS,
    ignore_case=True,
)
recommends = keywords(
    "recommends",
    ["highly recommend", "highly recommended", "must see", "must-see", "well worth", "worth seeing",
     "worth watching", "worth the", "loved it", "i loved", "i love this", "one of the best",
     "the best", "treat", "don't miss", "enjoyed it", "enjoyed this", "10/10", "five stars"],
    POSITIVE,
    labels=LABELS,
    unless=["not worth", "isn't worth", "wasn't worth", "not recommend"],
)  # fmt: skip
warns_off = keywords(
    "warns_off",
    ["waste of time", "waste of", "waste your", "avoid", "stay away", "don't bother", "not worth",
     "save your", "want my money back", "walked out", "fell asleep", "fails to", "i hated",
     "one of the worst", "the worst", "so bad", "too bad", "lacks", "could have been", "if only",
     "supposed to be", "1/10", "no sense", "makes no"],
    NEGATIVE,
    labels=LABELS,
)  # fmt: skip
