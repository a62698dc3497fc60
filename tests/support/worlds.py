"""Tiny worlds with known answers, written as the files a client would upload."""

from __future__ import annotations

import random


def checkerboard_csv(*, users: int = 60, items: int = 40, seed: int = 1) -> bytes:
    """Ratings in which even users only ever meet even items, and odd users odd ones."""
    draw = random.Random(seed)
    rows = ["user,item,rating,timestamp"]
    for user in range(users):
        liked = [item for item in range(items) if item % 2 == user % 2]
        for place, item in enumerate(draw.sample(liked, 14)):
            rows.append(f"u{user},i{item},{draw.choice([4, 5])},{1_600_000_000 + 60 * place}")
    return "\n".join(rows).encode()


def titles_csv(*, items: int = 40) -> bytes:
    """The items' names."""
    rows = [f"i{item},{'Even' if item % 2 == 0 else 'Odd'} film {item}" for item in range(items)]
    return "\n".join(["item,title", *rows]).encode()


def wards_csv(*, rows: int = 600, seed: int = 2) -> bytes:
    """Patients whose outcome follows from their pressure and their ward; some values are missing."""
    draw = random.Random(seed)
    lines = ["patient,pressure,age,ward,outcome"]
    for row in range(rows):
        pressure, age, ward = (
            draw.gauss(120, 15),
            draw.randint(20, 90),
            draw.choice(["north", "south", "east"]),
        )
        sick = draw.random() < (0.9 if (pressure > 125) != (ward == "north") else 0.1)
        shown = "" if draw.random() < 0.1 else f"{pressure:.1f}"
        lines.append(f"p{row:04d},{shown},{age},{ward},{'yes' if sick else 'no'}")
    return "\n".join(lines).encode()
