"""The model card's 31 source attributes."""

from __future__ import annotations

import pytest

from services.worker.package.card import HTI1_ATTRIBUTES, NOT_PROVIDED, diagnosis_card
from shared.errors import Finding, Refused


def test_what_the_owner_did_not_tell_is_listed_as_not_provided():
    card = diagnosis_card({"data": "ds_1", "source_attributes": {"funding": "none"}})
    assert card["data"] == "ds_1"
    assert len(card["source_attributes"]) == len(HTI1_ATTRIBUTES) == 31
    assert card["source_attributes"]["funding"] == "none"
    assert set(card["source_attributes"].values()) == {"none", NOT_PROVIDED}


def test_an_attribute_that_does_not_exist_is_refused():
    with pytest.raises(Refused) as refused:
        diagnosis_card({"source_attributes": {"fundng": "none"}})
    assert refused.value.findings == (Finding(("card", "fundng"), "not a source attribute of HTI-1"),)
