"""Labeling functions for spam among the comments under a music video.

Each function reads the column ``CONTENT`` and votes ``"SPAM"``, ``"HAM"`` or abstains. Together
they say what anyone who has read such comments knows: spam wants something from the reader
(subscribe, look at my channel, click, vote, buy), while honest comments are about the song, the
singer, the video or its number of views. An advertiser may flatter the singer first, so a HAM rule
abstains where a comment also asks for something.

The word lists come from reading comments without their classes. The classes of the YouTube Spam
Collection were used to score the pack while it was written, and seeing the scores led to the last
rule above; no list or threshold was fitted to them.

The patterns are matched on the comment as its reader saw it, in lower case, with one space between
words (:func:`reading`). A comment that is missing or empty gets no vote. ``PERFORMERS`` and
``SCENES`` are about the five videos of that collection; replace them for others.
"""

from __future__ import annotations

import html
import re
import unicodedata
from typing import Any

from weaklabel import labeling_function, preprocessor

LABELS = ["HAM", "SPAM"]
HAM, SPAM = LABELS

SHORT = 7  # words; about the length of a cheer
LONG = 60  # words; few write an essay under a song for nothing


def readable(text: str) -> str:
    """A comment as its reader saw it: entities and tags resolved, look-alike letters folded.

    Also drops the byte-order marks (U+FEFF) that end most comments of the YouTube Spam Collection.
    They are a trace of how the comments were collected, and in two of its files they tell ham from
    spam: a model that sees them learns the collection, not the language.
    """
    text = html.unescape(re.sub(r"</?[a-zA-Z][^>]*>", " ", text))
    text = unicodedata.normalize("NFKC", text).replace("\ufeff", "").replace("’", "'")
    return " ".join(text.split())


def phrases(listed: str) -> re.Pattern[str]:
    """A pattern that finds any of the listed phrases as whole words.

    Phrases end with a comma and white space; lines may also be broken after a ``|`` and at a blank.
    """
    joined = " ".join(re.sub(r"\|\n\s*", "|", listed).split())
    return re.compile(r"\b(?:" + "|".join(joined.split(", ")) + r")\b")


# Spelling is free in this genre: suscribe, sucscribe, chanel, channal, vidios, plzz.
SUBSCRIBE = phrases(r"s[uc]+[bs]*[cs]+r?i[bp]e?\w*, subs?")
LINK = re.compile(
    r"https?:|\bwww\b|\bw w w\b|watch\?v=|\byoutu ?\.? ?be/"
    r"|\b[\w-]+ ?\. ?(?:com|net|org|info|biz|co|tv|ly|me|eu|de|uk|ru|gl)\b"
)
CALL_TO_LOOK = phrases(
    r"""(check|chec|chek|look)(ing)?( \w+){0,3}? (out|at|my|this|me|up), check it, visit,
    (go|come) (to|on|and|check|watch|see|listen)( \w+){0,3} my"""
)
OWN_WORK = phrases(
    r"""(my|our) (?!(\w+ ){0,2}(fav|best))(\w+ ){0,3}?(chan+[ae]l+s?|pages?|profile|account|
    vid[ei]?os?|vid[sz]?|songs?|music|covers?|raps?|tracks?|beats?|mixtape|album|remix(es)?|
    playlists?|blog|website|site|stuff|feed|lyrics|demos?|single|gameplay|parod(y|ies)|game|app)"""
)
PLATFORM = phrases(
    r"""facebook, fb, twitter, instagram, insta, tsu, soundcloud, itunes, spotify, twitch, ebay,
    amazon, kickstarter, indiegogo, reverbnation, tumblr, vine, skype, google ?play, blogspot"""
)
MONEY = phrases(
    r"""(?<=[$€£])\d+, earn(s|ed|ing)?, cash, paypal, paid, income, giveaway,
    gift ?cards?, prizes?, money, bucks, dollars, donat\w+, sponsor\w*, work(ing)? (from|at) home,
    promo, chance to win, (want to|wanna) win"""
)
OFFER = phrases(
    r"""buy, order, sale, price, shop, store, download\w*, install, register, sign up, web ?sites?,
    t-?shirts?, hacks?, generator, join (us|me|our|the|my), click, add me, petition, discount,
    trailer, gameplay, minecraft, free (\w+ )?(codes?|followers|subs\w*|views|gift|online)"""
)
SELF_PORTRAIT = phrases(
    r"""(i'?m|i am|we are|we're) (\w+ ){0,6}?(rappers?|singers?|artists?|musicians?|producers?|band|
    duo|song ?writers?|youtubers?|dancers?|dj|gamers?|gaming), my name is, my dream,
    (young|upcoming|aspiring|unsigned|new) (rapper|artist|singer|band|youtuber|producer|musician)s?,
    (i|we) (make|upload|record|post|write|cover|sing|rap)"""
)
PLEA = phrases(
    r"""pl+e+a?s+e*, pl[zsx]+, kindly, help (me|us), support (me|us|my|our), feedback,
    give (me|us|it|my) (\w+ )?(chance|try|listen|shot|op+ortunity|like), appreciate\w*,
    (take|spare|spend|spent) (\w+ ){0,3}(time|moment|minutes?|mins?|seconds?),
    (mean|means|meant) (so much|a lot|everything), mean (\w+ )?the( \w+)? world, thanks in advance,
    leave (a|your|me), won't (be )?(regret|disappoint\w*)"""
)
BARGAIN = phrases(
    r"""(sub|subs|likes?|follow) ?(4|for) ?(a )?(sub|like|follow)\w*, shout ?outs?, follow me,
    (sub|follow|like|return)\w* (you |u |ya )?back, \d[\d.,]*k? (subs|subscribers?|likes|followers),
    if (i|we) (get|got|reach), like and,
    (thumbs? up|like|share|vote|follow|watch|listen)( \w+){0,2} (this comment|me|us|my|our|
    page|for)"""
)
CROWD = re.compile(
    r"\W*(?:(?:hey+|hi+|hello+|yo|attention|dear)\W*)?"
    r"(?:you guys|guys|everyone|everybody|all|people|you ?tubers?|friends|fans|viewers)\b"
)

PERFORMERS = r"psy, katt?y( perr?y)?, lmfao, redfoo, eminem, rihanna, shakira"
SCENES = r"""gangnam, oppa, horse, korean?, party rock, shuffl\w+, robot, tiger, lion, elephants?,
    jungle, roar, megan, fox, charlie, domestic, waka, world cup, africa\w*"""
SOMEONE = phrases(PERFORMERS + ", she, he, her, him, his, she's, he's, they're, these guys")
SEEN_OR_HEARD = phrases(
    SCENES + r", \d?\d:\d\d, lyrics, chorus, danc(e|es|ing), voice, hair, radio, goose ?bumps"
)
OPINION = phrases(
    r"""(lo+ve+d?|loving|loves|likes?|adore|enjoy\w*|miss|hate|dislike) (\w+ ){0,2}?(it|songs?|
    videos?|music|clip|track|beat|lyrics|rap|part|dance|you|u|her|him|them),
    (best|greatest|great|good|nice|awesome|amazing|cool|beautiful|favou?rite|epic|perfect|old|
    catchy|classic|lovely|fantastic|annoying|stupid|worst|bad|funn?y|weird|brilliant|super)
    (\w+ ){0,2}?(songs?|music|videos?|clip|track|singer|voice|dance|rapper|beat|party|rap|one)"""
)
SONG = phrases(r"songs?, music, video, clip, tune, melody, verses?, rap, singers?, band")
VIEWS = phrases(
    r"""views?, viewed, bill?i?ons?, mill?i?ons?, trillion, dislikes?, most (watched|popular|liked),
    \d{1,3}([.,']\d{3}){2,}, 1000000+, \d[.,]?\d*[bm] views"""
)
MEMORY = phrases(
    r"""(still|again|always) (\w+ )?(listen\w*|watch\w*|lov\w*|like|good|great|here|hear\w*),
    years? (ago|later|old song), old (times|days|song), memor(y|ies), in 20\d\d, 20(09|1\d),
    never gets? old, nostalgi\w*, childhood, remember"""
)
FEELING = re.compile(
    r"\b(?:lo+l+|lmf?ao+|ha(?:ha)+h?|hehe+|wo+w+|omg|xd+|aw+|yay+|wtf)\b"
    r"|<3|♥|❤|[:;=]-?[)(dp3*]|\^_?\^|[\U0001F300-\U0001FAFF]"
)
CURSE = phrases(r"\w*fuck\w*, shit\w*, bitch\w*, damn, crap, dumb, stupid, ass, sucks?")
QUESTION = phrases(
    r"""(?<!.)(who|what|why|how|when|where|is|are|was|does|do|did|anyone|any ?body|has|which),
    (who|any ?one|any ?body) else, am i the only, how (is|are|can|did|does|come)"""
)

ASKING = (
    SUBSCRIBE, LINK, CALL_TO_LOOK, OWN_WORK, PLATFORM, MONEY, OFFER, SELF_PORTRAIT, PLEA,
)  # fmt: skip


@preprocessor
def reading(x: Any) -> dict[str, Any]:
    """The comment in plain lower case (empty where it is missing), and whether it asks something.

    ``asks``: it wants something from the reader, or shows the way out of the page.
    """
    comment = x["CONTENT"]
    plain = readable(comment).lower() if isinstance(comment, str) else ""
    return {"plain": plain, "asks": any(pattern.search(plain) for pattern in ASKING)}


rule = labeling_function(preprocessors=[reading])  # read once per comment, shared by all rules


@rule
def asks_to_subscribe(x: Any) -> str | None:
    """Asks for a subscription, in any spelling."""
    return SPAM if SUBSCRIBE.search(x.plain) else None


@rule
def has_link(x: Any) -> str | None:
    """Carries a web address, whole or broken up to slip through a filter."""
    return SPAM if LINK.search(x.plain) else None


@rule
def calls_to_look(x: Any) -> str | None:
    """Check this out, look at my, visit, come and see."""
    return SPAM if CALL_TO_LOOK.search(x.plain) else None


@rule
def advertises_own_work(x: Any) -> str | None:
    """My channel, our video, my new song; not my favourite song."""
    return SPAM if OWN_WORK.search(x.plain) else None


@rule
def names_other_platform(x: Any) -> str | None:
    """Names a social network, shop or music service that the reader should move to."""
    return SPAM if PLATFORM.search(x.plain) else None


@rule
def talks_money(x: Any) -> str | None:
    """Earnings, prices, gift cards, donations."""
    return SPAM if MONEY.search(x.plain) else None


@rule
def makes_an_offer(x: Any) -> str | None:
    """Something to buy, download, join, sign or click."""
    return SPAM if OFFER.search(x.plain) else None


@rule
def introduces_oneself(x: Any) -> str | None:
    """I am a young rapper; we are a band; I upload every week."""
    return SPAM if SELF_PORTRAIT.search(x.plain) else None


@rule
def pleads(x: Any) -> str | None:
    """Please; give me a chance; it would mean so much."""
    return SPAM if PLEA.search(x.plain) else None


@rule
def bargains_for_reach(x: Any) -> str | None:
    """Sub for sub, 100 likes and I will, like this comment, vote for us."""
    return SPAM if BARGAIN.search(x.plain) else None


@rule
def addresses_the_crowd(x: Any) -> str | None:
    """Opens like a speech: hey guys, hello everyone."""
    return SPAM if CROWD.match(x.plain) else None


@rule
def long_comment(x: Any) -> str | None:
    """More than 60 words."""
    return SPAM if len(x.plain.split()) > LONG else None


@rule
def short_and_asks_nothing(x: Any) -> str | None:
    """At most seven words, and nothing is asked of the reader."""
    return HAM if 0 < len(x.plain.split()) <= SHORT and not x.asks else None


@rule
def has_an_opinion(x: Any) -> str | None:
    """Loves, hates or rates the song, the video or the singer."""
    return HAM if OPINION.search(x.plain) and not x.asks else None


@rule
def mentions_the_song(x: Any) -> str | None:
    """Speaks of the song, the video, the music."""
    return HAM if SONG.search(x.plain) and not x.asks else None


@rule
def counts_views(x: Any) -> str | None:
    """Wonders at the number of views."""
    return HAM if VIEWS.search(x.plain) and not x.asks else None


@rule
def remembers(x: Any) -> str | None:
    """Still listening; five years ago; never gets old."""
    return HAM if MEMORY.search(x.plain) and not x.asks else None


@rule
def talks_about_the_video(x: Any) -> str | None:
    """A moment of the video, or something seen and heard in it."""
    return HAM if SEEN_OR_HEARD.search(x.plain) and not x.asks else None


@rule
def talks_about_someone(x: Any) -> str | None:
    """The singer, she, these guys: about somebody else than the writer."""
    return HAM if SOMEONE.search(x.plain) and not x.asks else None


@rule
def shows_feeling(x: Any) -> str | None:
    """Laughter, hearts and emoticons."""
    return HAM if FEELING.search(x.plain) and not x.asks else None


@rule
def curses(x: Any) -> str | None:
    """Strong language: advertisers are polite."""
    return HAM if CURSE.search(x.plain) and not x.asks else None


@rule
def wonders(x: Any) -> str | None:
    """A question to nobody in particular."""
    return HAM if QUESTION.search(x.plain) and not x.asks else None
