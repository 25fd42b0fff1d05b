"""Prompt ensembles: the same question in other words, and put to several models.

Each paraphrase with each model is a column of votes of its own. The columns are not independent: a
model that misreads a row misreads it in every wording. So an ensemble says which of its columns
depend on each other. Label models on tables take that as ``dependencies=``. The default
:class:`weaklabel.LabelModel` does not, and discounts only columns that are nearly the same;
:meth:`PromptEnsemble.merged` makes one column of each group for it.
:func:`weaklabel.llm.agreement` says how much the members say the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from weaklabel.errors import ConfigError
from weaklabel.llm.merging import merged_columns
from weaklabel.llm.messages import TemplateLike
from weaklabel.llm.prompt import PromptLabelingFunction
from weaklabel.llm.protocol import LanguageModel
from weaklabel.votes import VoteMatrix


@dataclass(frozen=True, eq=False)
class PromptEnsemble:
    """Paraphrases of a prompt, put to one or several models.

    Made by :func:`prompt_ensemble`. Iterating gives the prompts.

    Attributes
    ----------
    prompts : tuple of PromptLabelingFunction
    dependencies : tuple of tuple of str
        Names of columns that depend on each other.
    """

    prompts: tuple[PromptLabelingFunction, ...]
    dependencies: tuple[tuple[str, ...], ...]

    def __iter__(self) -> Any:
        return iter(self.prompts)

    def __len__(self) -> int:
        return len(self.prompts)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns of votes."""
        return tuple(prompt.name for prompt in self.prompts)

    def merged(self, votes: VoteMatrix) -> VoteMatrix:
        """The votes with each group of dependent columns as one, for any label model.

        The column is named after the first of the group and votes what most members that vote say;
        a tie abstains. Other columns stay as they are.

        Raises
        ------
        VotesError
            If a column of the ensemble is not there.
        """
        return merged_columns(votes, self.dependencies)


def prompt_ensemble(
    prompt: PromptLabelingFunction,
    paraphrases: Mapping[str, TemplateLike] | Sequence[TemplateLike] = (),
    models: Sequence[LanguageModel] = (),
) -> PromptEnsemble:
    """A prompt, its paraphrases, and the models they are put to.

    Parameters
    ----------
    prompt : PromptLabelingFunction
        Its answers, examples, sampling and so on are those of all members.
    paraphrases : mapping of str to template, or sequence of templates
        By what they are called; numbered from 2 if there are no names.
    models : sequence of LanguageModel
        The prompt's own, or that of the run, if there are none.

    Returns
    -------
    PromptEnsemble
        Columns are named ``prompt``, ``prompt/paraphrase``, and ``...@model`` where there are
        several models. The paraphrases put to one model depend on each other; with only one
        paraphrase, so do the models.

    Raises
    ------
    ConfigError
        If there would be one member only, or two models have one name.
    """
    wordings: dict[str, TemplateLike] = {prompt.name: prompt.template}
    named = (
        paraphrases
        if isinstance(paraphrases, Mapping)
        else {str(k): template for k, template in enumerate(paraphrases, start=2)}
    )
    wordings |= {f"{prompt.name}/{name}": template for name, template in named.items()}
    if len({model.name for model in models}) != len(models):
        raise ConfigError(
            f"the models of an ensemble must have different names, found "
            f"{[model.name for model in models]}"
        )
    if len(wordings) * max(len(models), 1) < 2:
        raise ConfigError("an ensemble needs a second wording or a second model; found one prompt")
    asked: Sequence[LanguageModel | None] = models or (prompt.model,)
    groups: list[list[PromptLabelingFunction]] = []
    for model in asked:
        suffix = f"@{model.name}" if model is not None and len(models) > 1 else ""
        groups.append(
            [
                replace(prompt, name=name + suffix, template=template, model=model)
                for name, template in wordings.items()
            ]
        )
    dependent = groups if len(wordings) > 1 else [[p for group in groups for p in group]]
    return PromptEnsemble(
        tuple(p for group in groups for p in group),
        tuple(tuple(p.name for p in group) for group in dependent),
    )
