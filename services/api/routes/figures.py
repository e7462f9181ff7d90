"""Revenue, telemetry, the pipeline's metrics and dead letters: what BigQuery holds."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from pydantic import Field
from starlette.responses import Response

from schemas.message import TOPICS
from schemas.outcomes import Code
from schemas.timestamps import SECOND_US
from services.api.auth.authenticate import caller, security
from services.api.auth.principal import Scope
from services.api.http.paging import NumberQuery, Page
from services.api.models import DeadLetterState, Measurement, PipelineMetrics, Revenue, page_model
from services.api.routes.common import Currency, FilterId, Moment, RecordId, answers
from services.api.routes.lists import list_response, time_range

router = APIRouter()
DAY_US = 86_400 * SECOND_US
TOPIC = Annotated[str, Field(json_schema_extra={"enum": list(TOPICS)}, pattern=f"^({'|'.join(TOPICS)})$")]
STATES = ("open", "redriven", "resolved", "given up")


class RevenueQuery(NumberQuery):
    """Filters of revenue."""

    start: Annotated[date | None, Field(alias="from", description="first day")] = None
    end: Annotated[date | None, Field(alias="to", description="first day after the range")] = None
    currency: Annotated[Currency | None, Field(description="revenue in this currency")] = None
    as_of: Annotated[Moment | None, Field(description="what had been paid by then")] = None


class RangeQuery(NumberQuery):
    """A range of time."""

    start: Annotated[Moment | None, Field(alias="from", description="first instant (default: a day before `to`)")] = (
        None
    )
    end: Annotated[Moment | None, Field(alias="to", description="first instant after the range (default: now)")] = None


class TelemetryQuery(RangeQuery):
    """Filters of telemetry."""

    metric: Annotated[FilterId | None, Field(description="measurements of this metric")] = None


class MetricsQuery(RangeQuery):
    """Filters of the pipeline's metrics."""

    topic: Annotated[TOPIC | None, Field(description="only this topic")] = None


class DeadLettersQuery(NumberQuery):
    """Filters of dead letters."""

    code: Annotated[Code | None, Field(description="the contract's code")] = None
    topic: Annotated[TOPIC | None, Field(description="only this topic")] = None
    state: Annotated[
        str | None,
        Field(
            description="only this state", json_schema_extra={"enum": list(STATES)}, pattern=f"^({'|'.join(STATES)})$"
        ),
    ] = None


@router.get(
    "/revenue", tags=["figures"], responses=answers(page_model(Revenue), page=True),
    openapi_extra=security(Scope.REVENUE), dependencies=[Depends(caller(Scope.REVENUE))],
)  # fmt: skip
async def list_revenue(request: Request, query: Annotated[RevenueQuery, Query()]) -> Response:
    """List revenue per day and currency."""
    page = Page(query)
    rows = await request.app.state.analytics.revenue(
        start=query.start,
        end=query.end,
        currency=query.currency,
        as_of=query.as_of,
        limit=page.limit,
        offset=page.offset,
    )
    return list_response(request, rows, page)


@router.get(
    "/devices/{device_id}/telemetry", tags=["figures"], responses=answers(page_model(Measurement), page=True),
    openapi_extra=security(Scope.TELEMETRY), dependencies=[Depends(caller(Scope.TELEMETRY))],
)  # fmt: skip
async def list_telemetry(request: Request, device_id: RecordId, query: Annotated[TelemetryQuery, Query()]) -> Response:
    """List the measurements of a device that were published in a range of at most 31 days, by event time."""
    page = Page(query)
    start, end = time_range(query.start, query.end, request.app.state.wall(), DAY_US, 31 * DAY_US)
    rows = await request.app.state.analytics.telemetry(
        device_id, start=start, end=end, metric=query.metric, limit=page.limit, offset=page.offset
    )
    return list_response(request, rows, page)


@router.get(
    "/metrics/pipeline", tags=["figures"], responses=answers(page_model(PipelineMetrics), page=True),
    openapi_extra=security(Scope.METRICS), dependencies=[Depends(caller(Scope.METRICS))],
)  # fmt: skip
async def list_pipeline_metrics(request: Request, query: Annotated[MetricsQuery, Query()]) -> Response:
    """List the pipeline's metrics by window and topic, newest first, of a range of at most 31 days."""
    page = Page(query)
    start, end = time_range(query.start, query.end, request.app.state.wall(), DAY_US, 31 * DAY_US)
    rows = await request.app.state.analytics.pipeline_metrics(
        start=start, end=end, topic=query.topic, limit=page.limit, offset=page.offset
    )
    return list_response(request, rows, page)


@router.get(
    "/dead-letters", tags=["figures"], responses=answers(page_model(DeadLetterState), page=True),
    openapi_extra=security(Scope.DEAD_LETTERS), dependencies=[Depends(caller(Scope.DEAD_LETTERS))],
)  # fmt: skip
async def list_dead_letters(request: Request, query: Annotated[DeadLettersQuery, Query()]) -> Response:
    """List dead letters, newest first, without their payload."""
    page = Page(query)
    equal = {"error_code": query.code and str(query.code), "topic": query.topic, "state": query.state}
    rows = await request.app.state.analytics.dead_letters(equal=equal, limit=page.limit, offset=page.offset)
    return list_response(request, rows, page)
