"""Customers and stock levels."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import Field
from starlette.responses import Response

from schemas.read_model.select import CUSTOMER_ROWS, STOCK_ROWS
from services.api.auth.authenticate import caller, security
from services.api.auth.principal import Principal, Scope
from services.api.http.paging import Page, PageQuery
from services.api.http.problems import Problem
from services.api.http.responses import json_response
from services.api.models import PERSONAL_SUFFIX, Customer, StockLevel, page_model
from services.api.routes.common import FilterId, FilterText, Moment, RecordId, answers
from services.api.routes.lists import list_response, read_page, within
from services.api.routes.orders import AsOf

router = APIRouter()
Caller = Annotated[Principal, Depends(caller(Scope.CUSTOMERS, own=True))]
NO_CUSTOMER = "there is no such customer"


class CustomersQuery(PageQuery):
    """Filters of customers."""

    country: Annotated[FilterText | None, Field(description="customers of this country")] = None
    type: Annotated[FilterText | None, Field(description="customers of this type")] = None
    status: Annotated[FilterText | None, Field(description="customers with this status")] = None
    as_of: Annotated[Moment | None, Field(description="customers as the events up to this time make them")] = None


class StockQuery(PageQuery):
    """Filters of stock levels."""

    sku: Annotated[FilterId | None, Field(description="levels of this article")] = None
    warehouse_id: Annotated[FilterId | None, Field(description="levels in this warehouse")] = None
    as_of: Annotated[Moment | None, Field(description="levels as the events up to this time make them")] = None


@router.get(
    "/customers", tags=["customers"], responses=answers(page_model(Customer), page=True),
    openapi_extra=security(Scope.CUSTOMERS),
)  # fmt: skip
async def list_customers(request: Request, query: Annotated[CustomersQuery, Query()], principal: Caller) -> Response:
    """List customers by id; their hashed names and addresses only with the scope personal:read."""
    page = Page(query, CUSTOMER_ROWS)
    equal = within(principal, query.model_dump(include={"country", "type", "status"}))
    rows = await read_page(request, CUSTOMER_ROWS, equal=equal or {}, page=page, as_of=query.as_of)
    return list_response(request, [_shown(row, principal) for row in rows], page, CUSTOMER_ROWS)


@router.get(
    "/customers/{customer_id}", tags=["customers"], responses=answers(Customer, 404),
    openapi_extra=security(Scope.CUSTOMERS),
)  # fmt: skip
async def get_customer(
    request: Request, customer_id: RecordId, query: Annotated[AsOf, Query()], principal: Caller
) -> Response:
    """Return one customer."""
    state = request.app.state
    found = None
    if principal.customer_id in (None, customer_id):
        if query.as_of is not None:
            rows = await state.analytics.as_of(CUSTOMER_ROWS, query.as_of, equal={"customer_id": customer_id}, limit=1)
            found = rows[0] if rows else None
        else:
            found = await state.read_model.one(CUSTOMER_ROWS, customer_id=customer_id)
    if found is None:
        raise Problem(404, NO_CUSTOMER)
    return json_response(request, _shown(found, principal))


@router.get(
    "/stock", tags=["stock"], responses=answers(page_model(StockLevel), page=True),
    openapi_extra=security(Scope.STOCK), dependencies=[Depends(caller(Scope.STOCK))],
)  # fmt: skip
async def list_stock(request: Request, query: Annotated[StockQuery, Query()]) -> Response:
    """List stock levels by article and warehouse."""
    page = Page(query, STOCK_ROWS)
    equal = query.model_dump(include={"sku", "warehouse_id"})
    rows = await read_page(request, STOCK_ROWS, equal=equal, page=page, as_of=query.as_of)
    return list_response(request, rows, page, STOCK_ROWS)


def _shown(row: dict[str, Any], principal: Principal) -> dict[str, Any]:
    """Return a customer as the caller may see it."""
    if Scope.PERSONAL in principal.scopes:
        return row
    return {name: value for name, value in row.items() if not name.endswith(PERSONAL_SUFFIX)}
