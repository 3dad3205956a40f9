"""The official Python client against a server of a model that embeds: python openai_embeddings.py http://127.0.0.1:8000"""

import sys

import openai

client = openai.OpenAI(base_url=f"{sys.argv[1]}/v1", api_key="none", max_retries=0)
model = client.models.list().data[0].id
texts = ["a mill by the river", "the mill by a river", "nothing"]

usual = client.embeddings.create(model=model, input=texts)
assert [one.index for one in usual.data] == [0, 1, 2], usual
assert usual.usage.prompt_tokens == usual.usage.total_tokens > 0, usual.usage
floats = client.embeddings.create(model=model, input=texts, encoding_format="float")
for one, same in zip(usual.data, floats.data):
    assert abs(sum(x * x for x in one.embedding) - 1) < 1e-5, one
    assert max(abs(x - y) for x, y in zip(one.embedding, same.embedding, strict=True)) < 1e-7, same
few = client.embeddings.create(model=model, input=[[7, 8, 9]], dimensions=5)
assert len(few.data[0].embedding) == 5, few

try:
    client.embeddings.create(model=model, input=["fine", ""])
    raise AssertionError("it was accepted")
except openai.BadRequestError as error:
    assert error.param.startswith("input") and error.code == "invalid_value", error
try:
    client.chat.completions.create(model=model, messages=[{"role": "user", "content": "hi"}])
    raise AssertionError("it was answered")
except openai.BadRequestError as error:
    assert error.param == "model" and error.code == "only_embeddings", error
