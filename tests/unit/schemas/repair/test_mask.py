"""The masked form of a payload on a terminal."""

import json

from schemas.repair.apply import mask


def test_a_mask_keeps_shape_keys_and_punctuation():
    payload = b'{"name":"Ada 7, \xc3\x84.","n":[1.50,-12],"yes":true,"nothing":null}'
    shown = '{"name": "xxx 0, x.", "n": [0.00, -00], "yes": true, "nothing": null}'
    assert mask(payload, keep=len(shown)) == shown
    assert mask(payload, keep=len(shown) - 1) == shown[:-2] + "…"


def test_a_mask_shows_keys_of_any_script_and_ends_at_2_000_characters():
    assert mask('{"größe": "Ä"}'.encode()) == '{"größe": "x"}'
    assert len(mask(json.dumps("a" * 9_000).encode())) == 2_000


def test_a_payload_that_is_not_json_is_masked_completely():
    assert mask(b"secret") == "(6 bytes that are not JSON)"
    assert mask(json.dumps(["a" * 99]).encode(), keep=10) == '["xxxxxxx…'
