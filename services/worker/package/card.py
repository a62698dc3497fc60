"""The model card: what was trained on what, how it fared, and what its owner has not told.

The 31 source attributes of a diagnosis model are those of 45 CFR 170.315(b)(11)(iv) (ONC HTI-1); what the
owner did not provide says "not provided", so that a gap is seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shared.errors import Finding, Refused

NOT_PROVIDED = "not provided"
HTI1_ATTRIBUTES = (
    "developer_contact",
    "funding",
    "output_description",
    "output_type",
    "intended_use",
    "intended_population",
    "intended_users",
    "decision_role",
    "out_of_scope",
    "known_risks",
    "inclusion_exclusion",
    "demographic_inputs",
    "training_representativeness",
    "training_relevance",
    "fairness_approach",
    "bias_mitigation",
    "ext_data_source",
    "ext_tester",
    "ext_representativeness",
    "ext_process",
    "internal_validity",
    "internal_fairness",
    "external_validity",
    "external_fairness",
    "outcome_references",
    "validity_monitoring",
    "local_validity",
    "fairness_monitoring",
    "local_fairness",
    "update_process",
    "correction_frequency",
)


def source_attributes(given: Mapping[str, str]) -> dict[str, str]:
    """Return exactly the 31 attributes; an unknown one is refused."""
    unknown = sorted(set(given) - set(HTI1_ATTRIBUTES))
    if unknown:
        raise Refused(
            "the model card knows 31 source attributes",
            findings=[Finding(("card", name), "not a source attribute of HTI-1") for name in unknown],
        )
    return {name: given.get(name) or NOT_PROVIDED for name in HTI1_ATTRIBUTES}


def diagnosis_card(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the card of a diagnosis model: `facts` of the run, and `source_attributes` completed."""
    given = dict(facts.get("source_attributes", {}))
    return {**facts, "source_attributes": source_attributes(given)}
