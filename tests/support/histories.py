"""Strategies of histories: events with few ids, instants and values, where ties, gaps and repetitions are the rule."""

from hypothesis import strategies as st

from tests.support.deliveries import at

ids = st.sampled_from(["k1", "k2"])
# Few instants and few values: ties, gaps and repetitions are the interesting cases.
times = st.sampled_from([0, 0.000001, 59.999999, 60, 599.5, 600, 600.000001]).map(at)
texts = st.none() | st.sampled_from(["A", "B"])
money = st.none() | st.decimals(0, 100, places=2)
lines = st.lists(st.fixed_dictionaries({"sku": ids, "quantity": st.integers(1, 9), "unit_price": money}), max_size=2)
_STATE = {"status": texts, "currency": texts, "total_amount": money}
_CUSTOMER = {"customer_id": ids, "country": texts, "type": texts, "status": texts}
_STOCK = {"sku": ids, "quantity": st.integers(1, 2**40), "warehouse_id": texts}
_PAYMENT = {"payment_id": ids, "order_id": ids, "amount": st.decimals(0, 100, places=9), "currency": ids}


def _data(required, items=False):
    return st.fixed_dictionaries(required, optional={"items": lines} if items else {})


DATA = {
    "order.created": _data({"order_id": ids, "customer_id": texts, **_STATE}, items=True),
    "order.updated": _data({"order_id": ids, **_STATE}, items=True),
    "order.completed": _data({"order_id": ids, "completed_at": st.none() | times}),
    "customer.registered": _data(_CUSTOMER),
    "customer.updated": _data(_CUSTOMER),
    "inventory.reserved": _data(_STOCK),
    "inventory.released": _data(_STOCK),
    "payment.processed": _data(_PAYMENT),
    "payment.failed": _data(_PAYMENT),
}
