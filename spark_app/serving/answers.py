"""What the API answers, as types: /docs shows them, and tests hold the routes to them."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Problem(BaseModel):
    """Problem details (RFC 9457) of what could not be answered."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "example": {
                "type": "urn:millstream:no-such-product",
                "title": "No such product",
                "status": 404,
                "detail": "the published generation has no product 'lamp'",
            }
        },
    )

    type: str = Field(description="the kind of problem, for programs")
    title: str = Field(description="the kind of problem, for people")
    status: int = Field(description="the status of the answer")
    detail: str | None = Field(None, description="what was wrong this time")


class Live(BaseModel):
    """The process answers."""

    status: Literal["live"] = "live"


class Ready(BaseModel):
    """A generation is loaded."""

    status: Literal["ready"] = "ready"
    generation: str = Field(description="the published generation that is served")
