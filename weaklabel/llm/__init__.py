"""Language models as labeling functions: prompts, answers, votes, and what they cost."""

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
