"""Labeling functions for the topic of English news, column ``text``.

Each rule votes ``"politics"`` (the world's affairs), ``"sports"``, ``"business"`` or
``"technology"``, or abstains. They are lists of words that are typical of one desk of a newspaper;
where a list of another desk is as likely to be met (a company's profit and its chip), both rules
speak and the label model weighs them. The lists were written from general knowledge of newspapers,
none was fitted to data.
"""

from __future__ import annotations

from labeling_functions.keyword_rules import keywords
from labeling_functions.patterns import regex

LABELS = ["politics", "sports", "business", "technology"]
POLITICS, SPORTS, BUSINESS, TECHNOLOGY = LABELS

government = keywords(
    "government",
    ["president", "prime minister", "minister", "parliament", "election", "elections", "senate",
     "congress", "government", "embassy", "diplomat", "diplomats", "united nations", "un", "treaty",
     "coalition", "opposition", "referendum", "vote", "voters", "foreign ministry", "nuclear"],
    POLITICS,
    labels=LABELS,
)  # fmt: skip
conflict = keywords(
    "conflict",
    ["troops", "soldiers", "rebels", "militants", "insurgents", "bomb", "bombing", "killed",
     "attack", "attacks", "hostage", "hostages", "ceasefire", "peace talks", "militia", "army",
     "suicide bomber", "air strike", "airstrike", "gunmen", "war", "refugees", "terrorism",
     "rebel"],
    POLITICS,
    labels=LABELS,
)  # fmt: skip
places_in_crisis = keywords(
    "places_in_crisis",
    ["iraq", "iraqi", "baghdad", "gaza", "israeli", "palestinian", "palestinians", "afghanistan",
     "kabul", "darfur", "sudan", "iran", "tehran", "kashmir", "najaf", "fallujah", "chechnya",
     "north korea", "pyongyang", "west bank", "syria", "lebanon"],
    POLITICS,
    labels=LABELS,
)  # fmt: skip
games = keywords(
    "games",
    ["football", "soccer", "basketball", "baseball", "tennis", "cricket", "golf", "hockey", "rugby",
     "olympic", "olympics", "nfl", "nba", "mlb", "nhl", "formula one", "grand prix", "world cup",
     "champions league", "premiership", "pga", "yankees", "red sox", "quarterback"],
    SPORTS,
    labels=LABELS,
)  # fmt: skip
play = keywords(
    "play",
    ["coach", "season", "touchdown", "inning", "innings", "goal", "goals", "playoff", "playoffs",
     "championship", "tournament", "medal", "striker", "midfielder", "pitcher", "semifinal",
     "quarterfinal", "victory", "league", "teammate", "teammates", "wicket", "referee", "defeated"],
    SPORTS,
    labels=LABELS,
)  # fmt: skip
score = regex(
    "score",
    r"\b(?:won|beat|win|lead|loss|defeat|victory|draw|over)\b.{0,60}\b\d{1,3}-\d{1,3}\b",
    SPORTS,
    labels=LABELS,
    ignore_case=True,
)
markets = keywords(
    "markets",
    ["stocks", "shares", "wall street", "nasdaq", "dow jones", "investors", "oil prices", "crude",
     "bonds", "interest rates", "federal reserve", "inflation", "dollar", "euro", "stock market",
     "barrel", "earnings", "quarterly", "dividend", "ipo", "economy", "economic growth"],
    BUSINESS,
    labels=LABELS,
)  # fmt: skip
companies = keywords(
    "companies",
    ["profit", "profits", "merger", "takeover", "acquisition", "bankruptcy", "ceo", "retailer",
     "airline", "airlines", "bank", "insurer", "layoffs", "job cuts", "sales", "revenue", "buyout",
     "chief executive", "shareholders", "consumer", "unions", "pension", "billion", "bid"],
    BUSINESS,
    labels=LABELS,
)  # fmt: skip
computing = keywords(
    "computing",
    ["software", "microsoft", "google", "linux", "internet", "web", "browser", "computer",
     "computers", "pc", "server", "servers", "chip", "chips", "intel", "ibm", "apple", "ipod",
     "virus", "spyware", "hacker", "hackers", "security flaw", "windows xp", "open source",
     "wireless", "broadband", "cell phone", "video game", "online", "search engine", "spam"],
    TECHNOLOGY,
    labels=LABELS,
)  # fmt: skip
science = keywords(
    "science",
    ["nasa", "space", "spacecraft", "scientists", "researchers", "study", "mars", "moon", "saturn",
     "telescope", "satellite", "genome", "fossil", "species", "astronauts", "planet", "laboratory",
     "rocket", "climate", "orbit", "galaxy"],
    TECHNOLOGY,
    labels=LABELS,
)  # fmt: skip
