"""Language models as labeling functions: prompts, answers, votes, and what they cost."""

from weaklabel.llm.answers import AnswerMap as AnswerMap
from weaklabel.llm.answers import Reading as Reading
from weaklabel.llm.examples import Example as Example
from weaklabel.llm.examples import ExampleSelector as ExampleSelector
from weaklabel.llm.examples import SimilarExamples as SimilarExamples
from weaklabel.llm.prompt import AnswerReader as AnswerReader
from weaklabel.llm.prompt import Prompt as Prompt
from weaklabel.llm.prompt import PromptLabelingFunction as PromptLabelingFunction
from weaklabel.llm.prompt import PromptSheet as PromptSheet
from weaklabel.llm.prompt import SheetQuestion as SheetQuestion
from weaklabel.llm.prompt import prompt_labeling_function as prompt_labeling_function
from weaklabel.llm.prompt import verification as verification
from weaklabel.llm.protocol import Answer as Answer
from weaklabel.llm.protocol import EndpointError as EndpointError
from weaklabel.llm.protocol import ImagePart as ImagePart
from weaklabel.llm.protocol import LanguageModel as LanguageModel
from weaklabel.llm.protocol import Message as Message
from weaklabel.llm.protocol import Question as Question
from weaklabel.llm.protocol import QuestionError as QuestionError
from weaklabel.llm.protocol import Sampling as Sampling
from weaklabel.llm.protocol import TextPart as TextPart
from weaklabel.llm.protocol import TokenChoice as TokenChoice
