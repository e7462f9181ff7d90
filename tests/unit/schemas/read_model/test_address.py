"""Addresses of read models: what is shown, what libpq gets, what is refused."""

import pickle

import pytest

from schemas.read_model.address import AddressError, parse_address


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://u:p%40ss@db.example:5433/d", "postgresql://u@db.example:5433/d"),
        ("postgresql://u:pass@[::1]/d?schema=mine", "postgresql://u@[::1]/d?schema=mine"),
        ("postgres:///d?host=/run/postgresql", "postgresql:///d?host=/run/postgresql"),
        ("postgresql://sa%40p.iam@/d?cloud_sql=p:r:i", "postgresql://sa%40p.iam@/d?cloud_sql=p:r:i"),
        ("sqlite:///build/model.sqlite", "sqlite:///build/model.sqlite"),
        ("sqlite:////tmp/model.sqlite", "sqlite:////tmp/model.sqlite"),
    ],
)
def test_no_form_of_an_address_shows_its_password(url, shown):
    address = parse_address(url)
    assert str(address) == shown
    for text in (str(address), repr(address), f"{address}", str([address])):
        assert "pass" not in text
        assert "p%40ss" not in text
    assert pickle.loads(pickle.dumps(address)) == address


def test_a_remote_server_is_verified_by_default_and_a_local_one_is_not_forced():
    assert "sslmode=verify-full&sslrootcert=system" in parse_address("postgresql://u@db.example/d").conninfo
    assert "sslmode=require" in parse_address("postgresql://u@db.example/d?sslmode=require").conninfo
    assert "verify-full" not in parse_address("postgresql://u@db.example/d?sslmode=require").conninfo
    for local in ("postgresql://u@localhost/d", "postgresql://u@127.0.0.1/d", "postgresql:///d?host=/run/postgresql"):
        assert "sslmode" not in parse_address(local).conninfo
    assert "sslmode=verify-full" in parse_address("postgresql:///d?host=db.example").conninfo


def test_our_own_parameters_do_not_reach_libpq():
    address = parse_address("postgresql://u@127.0.0.1/d?schema=mine&connect_timeout=3")
    assert address.namespace == "mine"
    assert "schema" not in address.conninfo
    assert "connect_timeout=3" in address.conninfo


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://h/d", "must be postgresql://"),
        ("sqlite://model", "must be sqlite:///FILE"),
        ("sqlite:///", "must be sqlite:///FILE"),
        ("postgresql://u:secret@h:port/d", "is not a URL"),
        ("postgresql://u@h/d?password=secret", "the parameter password is not accepted"),
        ("postgresql://u@h/d?schema=Public;", "must be lower-case letters"),
        ("postgresql://u@h/d?sslmode=off", "must be one of disable"),
        ("postgresql://u@/d?cloud_sql=here", "must be PROJECT:REGION:INSTANCE"),
        ("postgresql://u:secret@/d?cloud_sql=p:r:i", "without a password"),
        ("postgresql://u@/d?cloud_sql=p:r:i&ip_type=both", "must be one of public"),
    ],
)
def test_a_wrong_address_is_refused_without_its_password(url, words):
    with pytest.raises(AddressError, match=words) as error:
        parse_address(url)
    assert "secret" not in str(error.value)
