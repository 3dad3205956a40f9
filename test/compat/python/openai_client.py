"""The official Python client against a server: python openai_client.py http://127.0.0.1:8000"""

import datetime
import sys
from typing import Literal, Optional

import openai
import pydantic

client = openai.OpenAI(base_url=f"{sys.argv[1]}/v1", api_key="none", max_retries=0)
model = client.models.list().data[0].id
asked = {
    "model": model,
    "messages": [{"role": "user", "content": "Why is the sky blue?"}],
    "temperature": 0,
    "max_tokens": 24,
}

whole = client.chat.completions.create(**asked)
assert whole.choices[0].message.content, whole
pieces = []
usage = None
for chunk in client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True}):
    pieces += [choice.delta.content or "" for choice in chunk.choices]
    usage = chunk.usage or usage
assert "".join(pieces) == whole.choices[0].message.content, pieces
assert usage.completion_tokens == whole.usage.completion_tokens, usage

several = client.chat.completions.create(**{**asked, "n": 2, "temperature": 1, "seed": 7, "logprobs": True, "top_logprobs": 2})
assert len(several.choices) == 2 and several.choices[1].logprobs.content[0].top_logprobs, several

completion = client.completions.create(model=model, prompt="Once upon a", max_tokens=4, echo=True)
assert completion.choices[0].text.startswith("Once upon a"), completion



class Booking(pydantic.BaseModel):
    day: datetime.date
    room: Literal["single", "double", "suite"]
    breakfast: Optional[bool] = None
    nights: int = pydantic.Field(ge=1, le=30)


class Weather(pydantic.BaseModel):
    city: Literal["Rome", "Paris"]


wish = "Book a double room on the 3rd of May 2026, for two nights. Answer in JSON."
booked = {**asked, "messages": [{"role": "user", "content": wish}], "max_tokens": 400, "response_format": Booking}
alone = client.chat.completions.parse(**booked).choices[0].message
assert isinstance(alone.parsed, Booking), alone
beside = client.chat.completions.parse(**booked, tools=[openai.pydantic_function_tool(Weather)]).choices[0]
if beside.finish_reason == "stop":
    assert isinstance(beside.message.parsed, Booking), beside
else:
    assert all(isinstance(call.function.parsed_arguments, Weather) for call in beside.message.tool_calls), beside

try:
    client.chat.completions.create(**{**asked, "temperature": 3})
    raise AssertionError("it was accepted")
except openai.BadRequestError as error:
    assert error.param == "temperature" and error.code == "invalid_value", error
try:
    client.models.retrieve("none")
    raise AssertionError("it was found")
except openai.NotFoundError as error:
    assert error.code == "model_not_found", error
