from dataclasses import dataclass

from entailbench import Answer, Backend, Model, ModelIdentity, ModelSpec, hookimpl


@dataclass(frozen=True)
class ConstantOptions:
    answer: str


class ConstantModel(Model):
    identity = ModelIdentity(backend="constant", weights=None)

    def __init__(self, answer):
        self.answer = answer

    def generate(self, prompts, decoding):
        for prompt in prompts:
            yield Answer(prompt.id, self.answer)


class ConstantBackend(Backend):
    name = "constant"
    Options = ConstantOptions

    def open(self, options, context):
        return ConstantModel(options.answer)


@hookimpl
def entailbench_backends():
    return [ConstantBackend()]


@hookimpl
def entailbench_models():
    return [ModelSpec("always-no", backend="constant", options={"answer": "not entailment"})]
