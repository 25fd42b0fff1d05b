"""Templates, answer maps, examples, sheets: from a row to a question and back to votes."""

from __future__ import annotations

import dataclasses
import enum

import pytest

from weaklabel import LabelSpace, Not, OneOf, Reason
from weaklabel.errors import ConfigError
from weaklabel.llm import (
    Answer,
    AnswerMap,
    Example,
    ImagePart,
    PromptLabelingFunction,
    PromptSheet,
    Reading,
    Sampling,
    SheetQuestion,
    SimilarExamples,
    TextPart,
    prompt_labeling_function,
    verification,
)
from weaklabel.llm.template import FunctionTemplate, Template

YES_NO = {"yes": "spam", "no": "ham"}
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 16


def prompt(template: str = "Spam?\n\n{text}", **settings: object) -> PromptLabelingFunction:
    return PromptLabelingFunction("p", template, **{"answers": YES_NO, **settings})  # type: ignore[arg-type]


# -- templates -------------------------------------------------------------------------------------


def test_a_template_reads_columns_by_name_only():
    class Trap:
        secret = "key"

        def __str__(self) -> str:
            return "trap"

    template = Template("{a} {b:.2f} {{literal}} {a}")
    assert template.fields == ("a", "b")
    assert template.render({"a": Trap(), "b": 1.0}) == "trap 1.00 {literal} trap"
    # "a.secret" is the name of a column, not a way into the value.
    assert Template("{a.secret}").fields == ("a.secret",)
    assert Template("{a[0]}").fields == ("a[0]",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must be a text that is not empty, found ''"),
        ("{text", "is not well formed: expected '}'"),
        ("{}", r"must name the column of each field, found \{\}"),
        ("{0}", r"must name the column of each field, found \{0\}"),
        ("{text!r}", "found a conversion or a nested format at 'text'"),
        ("{text:{width}}", "found a conversion or a nested format at 'text'"),
        ("hello", "reads no column, so every row would get the same answer"),
    ],
)
def test_templates_that_are_refused(text: str, message: str):
    with pytest.raises(ConfigError, match=message):
        prompt(text)


def test_a_function_is_a_template():
    @prompt_labeling_function(answers=YES_NO)
    def is_spam(text: str, price: float) -> str | None:
        return f"{text} for {price}?" if text else None

    assert is_spam.name == "is_spam"
    assert is_spam.fields == ("text", "price")
    question = is_spam.question({"text": "tea", "price": 3})
    assert question is not None
    assert question.messages[-1].content == "tea for 3?"
    assert is_spam.question({"text": "", "price": 3}) is None
    with pytest.raises(TypeError, match="the prompt must be a text or None, found 3"):
        FunctionTemplate(lambda x: 3).render({"x": 1})  # type: ignore[arg-type, return-value]
    with pytest.raises(ConfigError, match="must take the columns it reads as parameters"):
        prompt_labeling_function(answers=YES_NO)(lambda: "hello")


def test_a_row_with_a_missing_value_is_not_asked_about():
    assert prompt().question({"text": None}) is None


# -- what a question holds -------------------------------------------------------------------------


def test_the_system_message_says_what_is_allowed():
    question = prompt(system="You are careful.").question({"text": "hi"})
    assert question is not None
    assert question.messages[0].role == "system"
    assert question.messages[0].content == (
        "You are careful.\n\nAnswer with exactly one of: yes, no. Write nothing else."
    )
    assert question.choices == ("yes", "no")
    assert question.schema is None
    bare = prompt(instruct=False).question({"text": "hi"})
    assert bare is not None
    assert [m.role for m in bare.messages] == ["user"]


def test_fixed_examples_come_before_the_question_as_turns():
    shown = [Example({"text": "buy"}, "yes"), Example({"text": "nice"}, "no")]
    question = prompt(examples=shown).question({"text": "hm"})
    assert question is not None
    turns = [(m.role, m.content) for m in question.messages[1:]]
    assert turns == [
        ("user", "Spam?\n\nbuy"), ("assistant", "yes"),
        ("user", "Spam?\n\nnice"), ("assistant", "no"),
        ("user", "Spam?\n\nhm"),
    ]  # fmt: skip


def test_similar_examples_are_the_most_alike_and_never_the_row_itself():
    gold = [
        Example({"text": "win a free car now"}, "yes"),
        Example({"text": "the cat sat on the mat"}, "no"),
        Example({"text": "win a free house"}, "yes"),
    ]
    selector = SimilarExamples(gold, "text", k=2)
    chosen = selector.choose([{"text": "a free car"}, {"text": "win a free car now"}])
    assert [e.fields["text"] for e in chosen[0]] == ["win a free house", "win a free car now"]
    assert "win a free car now" not in [e.fields["text"] for e in chosen[1]]
    question = prompt(examples=selector).question({"text": "a free car"})
    assert question is not None
    assert question.messages[-2].content == "yes"
    assert len(question.messages) == 1 + 2 * 2 + 1
    assert selector.fingerprint != SimilarExamples(gold, "text", k=1).fingerprint


@pytest.mark.parametrize(
    ("examples", "message"),
    [
        ([Example({"title": "x"}, "yes")], "example 0 of prompt 'p' has no column 'text'"),
        ([Example({"text": "x"}, "maybe")], "has the answer 'maybe', which is not one of 'yes'"),
    ],
)
def test_examples_that_do_not_fit(examples: list[Example], message: str):
    with pytest.raises(ConfigError, match=message):
        prompt(examples=examples)


def test_similar_examples_check_their_settings():
    with pytest.raises(ConfigError, match="k of SimilarExamples must be a whole number >= 1"):
        SimilarExamples([Example({"text": "x"}, "yes")], "text", k=0)
    with pytest.raises(ConfigError, match="needs at least one gold row"):
        SimilarExamples([], "text")
    with pytest.raises(ConfigError, match="gold row 0 of SimilarExamples has no column 'body'"):
        SimilarExamples([Example({"text": "x"}, "yes")], "body")


def test_images_by_url_and_by_bytes():
    seen = prompt("What is on it? {text}", images=["photo"])
    assert seen.fields == ("text", "photo")
    for photo, part in [
        ("https://example.org/cat.png", ImagePart(url="https://example.org/cat.png")),
        (PNG, ImagePart(data=PNG, media_type="image/png")),
        (b"\xff\xd8\xff\xe0", ImagePart(data=b"\xff\xd8\xff\xe0", media_type="image/jpeg")),
    ]:
        question = seen.question({"text": "", "photo": photo})
        assert question is not None
        assert question.messages[-1].content == (TextPart("What is on it? "), part)
    for photo in ("cat.png", b"GIMP", 3):
        with pytest.raises(ValueError, match="column 'photo'"):
            seen.question({"text": "", "photo": photo})


# -- answers ---------------------------------------------------------------------------------------


def read(answers: PromptLabelingFunction | PromptSheet, text: str) -> tuple[Reading, ...]:
    return answers.read(Answer((text,)))


def test_answers_become_any_kind_of_vote():
    votes = {
        "one": "a",
        "two": OneOf("a", "b"),
        "three": Not("a"),
        "four": None,
        "five": Reason("r"),
    }
    answers = AnswerMap(votes)
    assert [answers.read(text).vote for text in votes] == list(votes.values())
    reading = answers.read("six")
    assert (reading.vote, reading.problem) == (None, "malformed")
    assert "'six' is none of the answers 'one', 'two'" in reading.detail


def test_classes_by_list_and_by_enum():
    class Colour(enum.Enum):
        RED = 0
        BLUE = 1

    assert read(prompt(answers=["ham", "spam"]), "Spam.")[0].vote == "spam"
    by_enum = PromptLabelingFunction("c", "{x}", Colour)
    assert by_enum.label_space == LabelSpace(["RED", "BLUE"])
    assert by_enum.label_space.code(read(by_enum, "blue")[0].vote) == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"answers": {}}, "the answer map of prompt 'p' must hold at least one answer"),
        ({"answers": {"yes": None}}, "never votes"),
        ({"answers": {"Yes": "a", "yes.": "b"}}, "'Yes' and 'yes.', which are the same"),
        ({"answers": ["a", "a"]}, "names a class twice"),
        ({"answers": "spam"}, "must be a mapping of texts to votes or a list of classes"),
        ({"labels": ["good", "bad"]}, "the answer 'yes' of the answer map of prompt 'p'"),
        ({"answers": {"yes": 1, "no": 0}}, "classes cannot be inferred"),
    ],
)
def test_answer_maps_that_are_refused(settings: dict[str, object], message: str):
    with pytest.raises(ConfigError, match=message):
        prompt(**settings)


def test_a_name_is_needed():
    with pytest.raises(ConfigError, match="a prompt needs a name, found ' '"):
        PromptLabelingFunction(" ", "{text}", YES_NO)


def test_structured_answers_carry_a_schema_and_read_json():
    structured = prompt(structured=True)
    question = structured.question({"text": "hi"})
    assert question is not None
    assert question.schema is not None
    assert question.schema["properties"]["answer"]["enum"] == ["yes", "no"]
    assert question.schema["additionalProperties"] is False
    assert question.schema["required"] == ["answer"]
    for reply in (
        '{"answer": "yes"}',
        '```json\n{"answer": "Yes."}\n```',
        "yes",
        '{"answer": true}',
    ):
        assert read(structured, reply)[0].vote == "spam", reply
    for reply in ('{"answer": "perhaps"}', '{"other": "yes"}', '{"answer": {}}', "{broken"):
        assert read(structured, reply)[0].problem == "malformed", reply


def test_a_sheet_fills_several_columns():
    sheet = PromptSheet(
        "sheet",
        "{text}",
        {
            "link": SheetQuestion("Does it hold a link?", {"yes": "spam", "no": None}),
            "kind": SheetQuestion("Is it kind?", {"yes": "ham", "no": Not("ham")}),
        },
        labels=["ham", "spam"],
    )
    assert sheet.columns == ("link", "kind")
    (question,) = sheet.questions([{"text": "hi"}])
    assert question is not None
    assert "- link: Does it hold a link? (one of: yes, no)" in question.messages[0].text
    assert question.schema is not None
    assert set(question.schema["properties"]) == {"link", "kind"}
    both = read(sheet, '{"link": "yes", "kind": "no"}')
    assert [r.vote for r in both] == ["spam", Not("ham")]
    by_line = read(sheet, "- link: no\n- **kind**: yes")
    assert [r.vote for r in by_line] == [None, "ham"]
    assert [r.problem for r in by_line] == [None, None]
    half = read(sheet, '{"kind": "yes"}')
    assert [(r.vote, r.problem) for r in half] == [(None, "malformed"), ("ham", None)]
    with pytest.raises(ConfigError, match="must ask at least one question"):
        PromptSheet("s", "{text}", {})


def test_verification_votes_for_or_against_one_class():
    verify = verification("is_cat", "cat", ["cat", "dog", "fish"], "A cat?\n\n{text}")
    votes = [read(verify, reply)[0].vote for reply in ("Yes.", "no", "I am unsure")]
    assert votes == ["cat", Not("cat"), None]


def test_a_reader_makes_the_vote():
    class FirstLetter:
        fingerprint = "first-letter-1"

        def __call__(self, answers: AnswerMap, answer: Answer) -> Reading:
            return Reading("spam" if answer.texts[0].startswith("y") else "ham")

    soft = prompt(reader=FirstLetter())
    assert read(soft, "yikes")[0].vote == "spam"
    assert soft.fingerprint != prompt().fingerprint


def test_the_fingerprint_covers_what_decides_the_votes():
    base = prompt()
    assert base.fingerprint == prompt().fingerprint
    changed = [
        prompt("Spam? {text}"),
        prompt(answers={"yes": "spam", "no": "ham", "unsure": None}),
        prompt(system="Be brief."),
        prompt(sampling=Sampling(temperature=0.5)),
        prompt(labels=["ham", "spam"]),
        prompt(examples=[Example({"text": "x"}, "yes")]),
        prompt(structured=True),
    ]
    assert len({base.fingerprint, *(p.fingerprint for p in changed)}) == len(changed) + 1
    assert dataclasses.replace(base, name="q").fingerprint == base.fingerprint
