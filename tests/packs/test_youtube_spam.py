"""The text pack: handwritten comments for and against every rule, and missing text."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
import pytest

from labeling_functions.youtube_spam import phrases, readable
from weaklabel import apply, load_pack

MODULE = "labeling_functions.youtube_spam"
PACK = load_pack(MODULE)

ESSAY = " ".join(["verily"] * 61)

# rule: the comments it votes on, and some that it must leave alone
EXAMPLES = {
    "asks_to_subscribe": (
        ["Please SUBSCRIBE to my channel!", "pls suscribe", "sub 4 sub?", "Sucscribe to me"],
        ["submarines are cool", "I adore this", "superb"],
    ),
    "has_link": (
        ["http://x.co/a", "see www.foo", "go to shoes . com", "watch?v=abc", "youtu be/ab"],
        ["the end.Come on", "no link here", "wow...so nice"],
    ),
    "calls_to_look": (
        [
            "Check out this guy",
            "checking my stuff",
            "come and see my dog",
            "visit us",
            "look at me",
        ],
        ["I checked nothing", "she looks great", "come on"],
    ),
    "advertises_own_work": (
        ["on my channel", "our new music video", "my chanel", "listen to my first single"],
        ["my favourite song", "my all time best song", "my sister danced"],
    ),
    "names_other_platform": (
        ["like my FACEBOOK page", "on SoundCloud", "add me on instagram"],
        ["a book with a face", "I love this"],
    ),
    "talks_money": (
        ["earn from home", "only $39", "win a gift card", "make money fast", "donate please"],
        ["39 years old", "learn it"],
    ),
    "makes_an_offer": (
        ["download now", "buy t-shirts", "click here", "free steam codes", "sign up"],
        ["free like a bird", "what a game"],
    ),
    "introduces_oneself": (
        ["I'm a young rapper", "we are a new band", "I make beats", "My name is Bob"],
        ["I'm happy", "she is a singer", "we are many"],
    ),
    "pleads": (
        ["please listen", "plz", "plzzz", "give me a chance", "it would mean the world"],
        ["pleasant tune", "the plot", "means nothing"],
    ),
    "bargains_for_reach": (
        [
            "sub for sub",
            "100 likes and I dance",
            "like this comment",
            "follow me",
            "shout out to all",
        ],
        ["I like it", "thumbs", "a sublime tune"],
    ),
    "addresses_the_crowd": (
        ["Hey guys!", "hello everyone", "Guys, listen", "*** Hi youtubers", "everyone come here"],
        ["she wants everyone", "hey jude", "I hey guys"],
    ),
    "long_comment": ([ESSAY], ["short", ESSAY.removesuffix(" verily")]),
    "short_and_asks_nothing": (
        ["cool!", "good times...", "one two three four five six seven"],
        ["", "   ", "\ufeff", "subscribe", "one two three four five six seven eight"],
    ),
    "has_an_opinion": (
        ["I loooove this song", "best world cup song ever", "hate her", "such a great voice"],
        ["a song", "I love this song, check out my channel"],
    ),
    "mentions_the_song": (
        ["this video again", "the tune"],
        ["hello", "my new song, please listen"],
    ),
    "counts_views": (
        ["2 billion views!", "1,000,000,000", "most watched of all"],
        ["10 people", "check out my video for 5 views"],
    ),
    "remembers": (
        ["still watching", "in 2015", "5 years ago", "never gets old"],
        ["still", "stillness", "visit us in 2015"],
    ),
    "talks_about_the_video": (
        ["look, a tiger", "3:46 is cute", "I shuffled", "her voice", "party rock"],
        ["a dog", "tiger shirts: buy here"],
    ),
    "talks_about_someone": (
        ["Shakira", "she is nice", "these guys", "katty perry"],
        ["they", "shade", "she is my fan, subscribe"],
    ),
    "shows_feeling": (
        ["lol", "hahaha", "nice :)", "I &lt;3 it", "😂", "xD"],
        ["lollipop", "ok", "lol http://a.com"],
    ),
    "curses": (["what the FUCK", "damn"], ["class", "glass", "shit, check out my channel"]),
    "wonders": (
        ["Who is this?", "anyone else?", "and how is that so"],
        ["I know who", "what do you think, check out my song"],
    ),
}
SPAM_RULES = list(EXAMPLES)[:12]


def test_both_ways_of_loading_agree():
    import labeling_functions.youtube_spam as module

    assert module.__file__ is not None
    by_path = load_pack(Path(module.__file__))
    assert [lf.name for lf in by_path] == [lf.name for lf in PACK]
    assert by_path.labels == PACK.labels


def test_pack_is_well_formed():
    names = [lf.name for lf in PACK]
    assert names == list(EXAMPLES)  # every rule has examples here, and none was shadowed by another
    assert len(set(names)) == len(names)
    assert PACK.labels is not None
    assert PACK.labels.names == ("HAM", "SPAM")
    assert all(lf.function.__doc__ for lf in PACK)


@pytest.mark.parametrize("name", EXAMPLES)
def test_rule_votes_where_it_should_and_nowhere_else(name):
    expected = "SPAM" if name in SPAM_RULES else "HAM"
    hits, misses = EXAMPLES[name]
    rule = PACK[name]
    assert {text: rule({"CONTENT": text}) for text in hits} == dict.fromkeys(hits, expected)
    assert {text: rule({"CONTENT": text}) for text in misses} == dict.fromkeys(misses)


@pytest.mark.parametrize("missing", [None, math.nan, pd.NA, ""], ids=repr)
def test_missing_comment_gets_no_vote(missing):
    assert [lf({"CONTENT": missing}) for lf in PACK] == [None] * len(PACK)


def test_null_text_in_a_table_is_uncovered():
    table = pd.DataFrame({"CONTENT": ["subscribe to my channel", None, "love this song"]})
    votes = apply(PACK, table)
    assert (votes.n_votes_per_item > 0).tolist() == [True, False, True]
    assert votes.labels.names == ("HAM", "SPAM")


def test_readable_resolves_what_the_collection_left_in():
    assert readable("it&#39;s &lt;3<br /><br />ok\ufeff") == "it's <3 ok"
    assert readable('<a href="http://x.com">http://x.com</a>') == "http://x.com"
    assert readable("ｈｔｔｐ://ｅｂａｙ.ｃｏｍ") == "http://ebay.com"
    assert readable("I <3 you > me") == "I <3 you > me"


def test_byte_order_mark_changes_no_vote():
    for text in ("Check out my channel", "love this song"):
        plain = [lf({"CONTENT": text}) for lf in PACK]
        assert [lf({"CONTENT": text + "\ufeff"}) for lf in PACK] == plain


def test_phrases_are_whole_words_over_broken_lines():
    pattern = phrases(
        r"""one (two|
        three), four{1,3}
        five"""
    )
    found = [
        bool(pattern.search(t)) for t in ("one three", "fourrr five", "someone two", "one, two")
    ]
    assert found == [True, True, False, False]
