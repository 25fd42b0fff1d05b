"""Labeling functions for a relation in text: are two people named in it married to each other?

Rows have the columns ``text``, ``person1`` and ``person2``: a sentence (or a few), and two names as
they stand in it. Each rule votes ``"spouse"`` or ``"not spouse"``, or abstains. What they look at,
the words between the two names and beside them, is found once per row by the preprocessor
``surroundings`` and shared. Names that do not occur in the text, or missing ones, get no vote.

The rules were written from general knowledge of English news, none was fitted to data. With a table
of couples at hand, add what a knowledge base knows::

    from labeling_functions import pairs
    known = pairs("known", ["person1", "person2"], "spouse", "couples.csv", labels=pack.labels)
    votes = apply([*pack, known], rows)

and for another relation (employer, birthplace, parent) copy the file and change the words.
"""

from __future__ import annotations

import re
from typing import Any

from weaklabel import labeling_function, preprocessor

LABELS = ["not spouse", "spouse"]
NOT_SPOUSE, SPOUSE = LABELS

WORD = re.compile(r"\w+(?:['’-]\w+)*")
WINDOW = 4  # words before the first and after the second name
MARRIED = frozenset({
    "wife", "husband", "spouse", "wives", "husbands", "married", "marry", "marries", "marrying",
    "wed", "weds", "wedded", "wedding", "bride", "groom", "newlyweds", "widow", "widower",
    "honeymoon", "hubby",
})  # fmt: skip
FAMILY = frozenset({
    "father", "mother", "dad", "mum", "mom", "son", "sons", "daughter", "daughters", "brother",
    "brothers", "sister", "sisters", "uncle", "aunt", "nephew", "niece", "cousin", "grandfather",
    "grandmother", "grandson", "granddaughter", "stepson", "stepdaughter", "twin", "in-law",
    "mother-in-law", "father-in-law", "sibling", "siblings",
})  # fmt: skip
NOT_YET = frozenset({
    "girlfriend", "boyfriend", "fiance", "fiancee", "fiancé", "fiancée", "engaged", "dating",
    "lover", "mistress", "affair", "ex", "ex-wife", "ex-husband", "ex-girlfriend", "ex-boyfriend",
    "divorced", "divorce", "former",
})  # fmt: skip
WORK = frozenset({
    "boss", "colleague", "colleagues", "coach", "manager", "assistant", "spokesman", "spokeswoman",
    "secretary", "minister", "president", "director", "lawyer", "attorney", "co-star", "co-stars",
    "teammate", "teammates", "rival", "opponent", "successor", "predecessor", "deputy", "chief",
    "actor", "actress", "singer", "producer", "detective", "judge", "friend", "friends", "fellow",
    "told", "against", "beat", "defeated", "alongside", "starring", "directed",
})  # fmt: skip


@preprocessor
def surroundings(x: Any) -> dict[str, Any]:
    """Words between the two names nearest to each other, before the first and after the second."""
    text = x["text"] if isinstance(x["text"], str) else ""
    names = [v if isinstance(v, str) else "" for v in (x["person1"], x["person2"])]
    spans = [_places(text, name) for name in names]
    apart = [
        (max(a[0], b[0]) - min(a[1], b[1]), min(a, b), max(a, b))
        for a in spans[0]
        for b in spans[1]
        if a[1] <= b[0] or b[1] <= a[0]
    ]
    if not apart:
        return {"between": None, "beside": None}
    _, first, second = min(apart)
    return {
        "between": _words(text[first[1] : second[0]]),
        "beside": _words(text[: first[0]])[-WINDOW:] + _words(text[second[1] :])[:WINDOW],
    }


def _places(text: str, name: str) -> list[tuple[int, int]]:
    """Where a name stands as whole words; twenty places are enough."""
    if not name.strip():
        return []
    pattern = r"(?<!\w)" + r"\s+".join(map(re.escape, name.split())) + r"(?!\w)"
    found = re.finditer(pattern, text)
    return [match.span() for match, _ in zip(found, range(20), strict=False)]


def _words(text: str) -> list[str]:
    return [word.removesuffix("'s").removesuffix("’s") for word in WORD.findall(text.lower())]


def _last_names(x: Any) -> tuple[str, str] | None:
    """The last words of two names of several words each."""
    first, second = str(x["person1"]).split(), str(x["person2"]).split()
    return (first[-1], second[-1]) if len(first) > 1 and len(second) > 1 else None


@labeling_function(preprocessors=[surroundings])
def married_between(x: Any) -> str | None:
    """A word for marriage stands between the names, close to both."""
    return (
        SPOUSE
        if x.between is not None and len(x.between) <= 10 and MARRIED & {*x.between}
        else None
    )


@labeling_function(preprocessors=[surroundings])
def married_beside(x: Any) -> str | None:
    """A word for marriage stands beside two names that are joined by "and"."""
    if x.between != ["and"]:
        return None
    return SPOUSE if MARRIED & {*x.beside} else None


@labeling_function(preprocessors=[surroundings])
def couple_of_one_name(x: Any) -> str | None:
    """*Ann and Bob Lee*: joined by "and", with one last name for both."""
    first, second = str(x["person1"]).split(), str(x["person2"]).split()
    if x.between != ["and"] or not first or not second:
        return None
    if min(len(first), len(second)) == 1:
        return SPOUSE if len(first) != len(second) else None
    return SPOUSE if first[-1] == second[-1] else None


@labeling_function(preprocessors=[surroundings])
def called_a_couple(x: Any) -> str | None:
    """Two names side by side, with "the couple" or "parents" beside them."""
    if x.between is None or len(x.between) > 2:
        return None
    return SPOUSE if {"couple", "parents"} & {*x.beside} else None


@labeling_function(preprocessors=[surroundings])
def relatives(x: Any) -> str | None:
    """A word for another relative stands between the names, and none for marriage."""
    if x.between is None or len(x.between) > 10:
        return None
    found = {*x.between}
    return NOT_SPOUSE if FAMILY & found and not MARRIED & found else None


@labeling_function(preprocessors=[surroundings])
def not_yet_or_no_more(x: Any) -> str | None:
    """Engaged, in love, or divorced."""
    if x.between is None or len(x.between) > 10:
        return None
    return NOT_SPOUSE if NOT_YET & {*x.between, *x.beside} else None


@labeling_function(preprocessors=[surroundings])
def at_work(x: Any) -> str | None:
    """What stands between them is about an office, a match or a film."""
    if x.between is None:
        return None
    found = {*x.between}
    return NOT_SPOUSE if WORK & found and not MARRIED & found else None


@labeling_function(preprocessors=[surroundings])
def far_apart(x: Any) -> str | None:
    """More than fifteen words stand between them."""
    return NOT_SPOUSE if x.between is not None and len(x.between) > 15 else None


@labeling_function(preprocessors=[surroundings])
def no_word_of_marriage(x: Any) -> str | None:
    """Several words between the names, different last names, and not a word of marriage nearby."""
    if x.between is None or len(x.between) < 4 or MARRIED & {*x.between, *x.beside}:
        return None
    both = _last_names(x)
    return NOT_SPOUSE if both is not None and both[0] != both[1] else None


@labeling_function
def same_person(x: Any) -> str | None:
    """One name is the other, or a part of it."""
    first, second = ({*str(x[c] or "").split()} for c in ("person1", "person2"))
    return NOT_SPOUSE if first and second and (first <= second or second <= first) else None
