"""Which module each site belongs to: a tower, the perceptron, the head."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from services.worker.package.netgraph.sites import Site

JOINS = ""
"""Key of the module of operations that join several modules, and feed none that has parameters."""


def modules_of(sites: Sequence[Site], names: Mapping[str, str]) -> dict[str, str]:
    """Return each operation's module: that of its parameters, of the module that ran it, or of its inputs.

    `names` gives the module of an attribute of the net, which is the attribute's own name where it says
    nothing. What joins several modules, or one with an input, belongs to the next one that has parameters.
    """
    found: dict[str, str] = {}
    for site in sites:
        own = _own(site, names)
        before = {found.get(source) for source in site.sources}
        only = before.pop() if len(before) == 1 else None
        if site.kind == "operation" and (own or only):
            found[site.id] = own or only or ""
    joins = [s for s in sites if s.kind == "operation" and s.id not in found]
    for site in joins:
        found[site.id] = _next(site.id, sites, found) or names.get(JOINS, "output")
    return found


def _own(site: Site, names: Mapping[str, str]) -> str | None:
    """Return the module of an attribute of the net that a site belongs to; a lone operation has none."""
    attribute = (site.scope or site.path).partition(".")[0]
    return names.get(attribute, attribute) if attribute else None


def _next(start: str, sites: Sequence[Site], found: Mapping[str, str]) -> str | None:
    """Return the module of the nearest site after this one, along its ways, that has one with parameters."""
    reached = {start}
    for site in sites:
        if reached & set(site.sources):
            reached.add(site.id)
            if site.parameters and site.id in found:
                return found[site.id]
    return None
