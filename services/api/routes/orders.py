"""Orders, their sagas and their events."""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Query, Request
from pydantic import Field
from starlette.responses import Response

from schemas.read_model.select import EVENT_ROWS, ORDER_ROWS, SAGA_ROWS
from schemas.saga.transitions import PUBLIC_STATE
from services.api.auth.authenticate import caller, need, security
from services.api.auth.principal import Principal, Scope
from services.api.http.paging import Page, PageQuery
from services.api.http.problems import Problem
from services.api.http.responses import json_response
from services.api.models import Order, OrderEvent, Saga, page_model
from services.api.routes.common import Currency, FilterId, FilterText, Moment, NoQuery, RecordId, answers
from services.api.routes.lists import list_response, read_page, within

router = APIRouter(tags=["orders"])
States = Annotated[str, Field(json_schema_extra={"enum": sorted({state.value for state in PUBLIC_STATE.values()})})]
Caller = Annotated[Principal, Depends(caller(Scope.ORDERS, own=True))]
NO_ORDER = "there is no such order"


class AsOf(NoQuery):
    """The time as of which a record is read."""

    as_of: Annotated[Moment | None, Field(description="the record as the events up to this time make it")] = None


class OrdersQuery(PageQuery):
    """Filters of orders."""

    customer_id: Annotated[FilterId | None, Field(description="orders of this customer")] = None
    status: Annotated[FilterText | None, Field(description="orders with this status of the producer")] = None
    state: Annotated[States | None, Field(description="orders whose saga has this state")] = None
    currency: Annotated[Currency | None, Field(description="orders in this currency")] = None
    as_of: Annotated[Moment | None, Field(description="orders as the events up to this time make them")] = None


class EventsQuery(PageQuery):
    """Parameters of the events of an order."""

    data: Annotated[bool, Field(description="with the data of each event; needs the scope personal:read")] = False


@router.get("/orders", responses=answers(page_model(Order), page=True), openapi_extra=security(Scope.ORDERS))
async def list_orders(request: Request, query: Annotated[OrdersQuery, Query()], principal: Caller) -> Response:
    """List orders by id."""
    page = Page(query, ORDER_ROWS)
    equal = query.model_dump(include={"customer_id", "status", "state", "currency"})
    allowed = within(principal, equal)
    if allowed is None:
        return list_response(request, [], page, ORDER_ROWS)
    rows = await read_page(request, ORDER_ROWS, equal=allowed, page=page, as_of=query.as_of)
    return list_response(request, rows, page, ORDER_ROWS)


@router.get("/orders/{order_id}", responses=answers(Order, 404), openapi_extra=security(Scope.ORDERS))
async def get_order(
    request: Request, order_id: RecordId, query: Annotated[AsOf, Query()], principal: Caller
) -> Response:
    """Return one order."""
    return json_response(request, await _order(request, order_id, principal, query.as_of))


@router.get("/orders/{order_id}/saga", responses=answers(Saga, 404), openapi_extra=security(Scope.ORDERS))
async def get_saga(
    request: Request,
    order_id: RecordId,
    query: Annotated[NoQuery, Query()],  # noqa: ARG001 - rejects parameters that are not known
    principal: Caller,
) -> Response:
    """Return the saga of an order."""
    if principal.customer_id is not None:
        await _order(request, order_id, principal, None)
    found = await request.app.state.read_model.one(SAGA_ROWS, order_id=order_id)
    if found is None:
        raise Problem(404, "there is no saga of such an order")
    return json_response(request, found)


@router.get(
    "/orders/{order_id}/events", responses=answers(page_model(OrderEvent), 404, page=True),
    openapi_extra=security(Scope.ORDERS),
)  # fmt: skip
async def list_order_events(
    request: Request, order_id: RecordId, query: Annotated[EventsQuery, Query()], principal: Caller
) -> Response:
    """List the events of an order, of its payments and of its stock, by event time."""
    if query.data:
        need(principal, Scope.PERSONAL)
    page = Page(query, EVENT_ROWS)
    if principal.customer_id is not None:
        await _order(request, order_id, principal, None)
    rows = await read_page(request, EVENT_ROWS, equal={"order_id": order_id}, page=page)
    if not rows and page.offset == 0 and page.after is None:
        raise Problem(404, NO_ORDER)
    if query.data:
        found = await request.app.state.analytics.event_data([row["event_id"] for row in rows])
        for row in rows:
            row["data"] = msgspec.Raw(found[row["event_id"]].encode()) if row["event_id"] in found else None
    return list_response(request, rows, page, EVENT_ROWS)


async def _order(request: Request, order_id: str, principal: Principal, as_of: str | None) -> dict[str, Any]:
    """Return an order that the caller may see; Problem 404 for every other, whether it exists or not."""
    state = request.app.state
    if as_of is not None:
        found = await state.analytics.as_of(ORDER_ROWS, as_of, equal={"order_id": order_id}, limit=1)
        order = found[0] if found else None
    else:
        order = await state.read_model.one(ORDER_ROWS, order_id=order_id)
    if order is None or principal.customer_id not in (None, order["customer_id"]):
        raise Problem(404, NO_ORDER)
    return dict(order)
