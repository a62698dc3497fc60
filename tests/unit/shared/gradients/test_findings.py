"""What samples of gradient flow show."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from shared.gradients import Detector, FindingKind, FlowFinding, Layer, Sample, applicable, find
from shared.gradients.tracks import RunningMedian

LAYERS = (
    Layer("tables.0", "embeddings", "table", 0),
    Layer("body.0", "body", "matrix", 1, "relu"),
    Layer("body.1", "body", "matrix", 2, "relu"),
    Layer("head", "head", "matrix", 3),
)
TABLES = (Layer("users", "embeddings", "table", 0), Layer("bias", "head", "vector", 1))


def sample(
    step: int,
    *,
    norms: Sequence[float] = (1e-9, 0.5, 0.7, 1.0),
    total: float = 1.5,
    zeros: Sequence[float | None] = (None, 0.5, 0.6, None),
) -> Sample:
    return Sample(
        step=step,
        total_norm=total,
        gradient_norms=norms,
        weight_norms=[1.0] * len(norms),
        update_ratios=[1e-3] * len(norms),
        zero_fractions=zeros,
    )


def found(*samples: Sample) -> list[FlowFinding]:
    return list(find(LAYERS, samples))


class TestVanishing:
    SMALL = (1.0, 0.9e-4, 0.5, 1.0)

    def test_takes_five_samples_running(self) -> None:
        assert found(*(sample(t, norms=self.SMALL) for t in range(4))) == []
        (one,) = found(*(sample(t, norms=self.SMALL) for t in range(5)))
        assert (one.kind, one.layer, one.first_step, one.last_step, one.samples) == (
            "vanishing",
            "body.0",
            0,
            4,
            5,
        )
        assert one.value == pytest.approx(0.9e-4)
        assert one.threshold == 1e-4

    def test_a_sample_that_keeps_the_rule_begins_the_count_anew(self) -> None:
        broken = [sample(t, norms=self.SMALL) for t in range(4)]
        assert found(*broken, sample(4), *(sample(t, norms=self.SMALL) for t in range(5, 9))) == []

    def test_at_the_threshold_is_none(self) -> None:
        assert found(*(sample(t, norms=(1.0, 1e-4, 0.5, 1.0)) for t in range(9))) == []

    def test_tells_the_worst_ratio_and_the_samples_of_every_stretch(self) -> None:
        worse = (1.0, 1e-6, 0.5, 1.0)
        steps = [*(sample(t, norms=self.SMALL) for t in range(6)), sample(6)]
        steps += [sample(t, norms=worse) for t in range(10, 15)]
        (one,) = found(*steps)
        assert (one.first_step, one.last_step, one.samples) == (0, 14, 11)
        assert one.value == pytest.approx(1e-6)
        assert "steps 0 to 14 (11 samples)" in one.say

    def test_tables_do_not_bear_the_ratio(self) -> None:
        assert found(*(sample(t, norms=(1e-12, 0.5, 0.5, 1.0)) for t in range(9))) == []

    def test_halves_of_one_layer_count_together(self) -> None:
        halves = (
            Layer("user_layer", "body", "matrix", 1),
            Layer("item_layer", "body", "matrix", 1),
            LAYERS[3],
        )
        one_lives = [Sample(t, 1.0, [1e-9, 0.5, 1.0], [1.0] * 3, [None] * 3, [None] * 3) for t in range(9)]
        assert find(halves, one_lives) == ()

    @pytest.mark.parametrize("norms", [(0.0, 0.0, 0.0, 0.0), (1.0, 0.1, 0.1, math.nan)])
    def test_a_ratio_that_is_no_number_is_none(self, norms: tuple[float, ...]) -> None:
        kinds = {f.kind for f in found(*(sample(t, norms=norms) for t in range(9)))}
        assert FindingKind.VANISHING not in kinds

    def test_what_to_try_follows_the_activation(self) -> None:
        def advice(activation: str) -> str:
            layers = tuple(Layer(f"body.{i}", "body", "matrix", i, activation) for i in range(3))
            flow = [Sample(t, 1.0, [1e-9, 0.5, 1.0], [1.0] * 3, [None] * 3, [None] * 3) for t in range(5)]
            return " ".join(find(layers, flow)[0].remedies)

        assert 'replace sigmoid: net.activation "relu"' in advice("sigmoid")
        assert "replace" not in advice("relu")


class TestExploding:
    @pytest.mark.parametrize(("total", "is_one"), [(1000.0, False), (1000.1, True)])
    def test_is_a_norm_above_a_thousand_at_once(self, total: float, *, is_one: bool) -> None:
        assert [f.kind for f in found(sample(0, total=total))] == ["exploding"] * is_one

    @pytest.mark.parametrize(("last", "is_one"), [(200.0, False), (201.0, True)])
    def test_is_a_norm_above_a_hundred_times_its_median(self, last: float, *, is_one: bool) -> None:
        flow = [*(sample(t, total=2.0) for t in range(9)), sample(9, total=last)]
        assert [(f.kind, f.first_step) for f in found(*flow)] == [("exploding", 9)] * is_one

    def test_four_samples_are_no_median(self) -> None:
        assert found(*(sample(t, total=0.001) for t in range(4)), sample(4, total=0.9)) == []

    def test_names_the_layer_of_the_largest_gradient_and_the_worst_norm(self) -> None:
        flow = [sample(0, total=2e3, norms=(1, 2e3, 1, 1)), sample(1, total=9e3, norms=(1, 1, 9e3, 1))]
        (one,) = found(*flow)
        assert (one.layer, one.value, one.threshold, one.samples) == ("body.1", 9e3, 1e3, 2)
        told = "the gradient norm reached 9e+03 (threshold 1e+03) in steps 0 to 1 (2 samples)"
        assert one.say == f"{told}, most of it in body.1"

    def test_a_small_total_alone_is_none(self) -> None:
        norms = (1e-5, 1e-5, 1e-5, 1e-5)
        assert found(*(sample(t, total=1e-5, norms=norms) for t in range(60))) == []


class TestDead:
    def test_takes_five_samples_of_one_layer(self) -> None:
        flow = [sample(t, zeros=(None, 0.91, 0.95 if t % 2 else 0.5, None)) for t in range(20)]
        (one,) = found(*flow)
        assert (one.kind, one.layer, one.samples, one.threshold) == ("dead", "body.0", 20, 0.9)

    def test_two_layers_are_two_findings(self) -> None:
        flow = [sample(t, zeros=(None, 0.91, 0.99, None)) for t in range(5)]
        assert [(f.layer, f.value) for f in found(*flow)] == [("body.0", 0.91), ("body.1", 0.99)]

    def test_nine_tenths_are_none(self) -> None:
        assert found(*(sample(t, zeros=(None, 0.9, 0.9, None)) for t in range(9))) == []


class TestNonFinite:
    def test_began_in_the_last_layer_of_the_forward_pass_that_broke(self) -> None:
        """Backwards the head is met first: with a sound head, body.1 broke before body.0."""
        (one,) = found(sample(3, norms=(math.nan, math.inf, math.nan, 1.0), total=math.nan))
        assert (one.kind, one.layer, one.first_step, one.value) == ("non_finite", "body.1", 3, None)

    def test_a_total_that_overflows_alone_is_one(self) -> None:
        (one,) = found(sample(3, norms=(1.0, 3e38, 1.0, 1.0), total=math.inf))
        assert (one.kind, one.layer) == ("non_finite", "body.0")

    def test_full_precision_is_advised_to_those_who_train_in_less(self) -> None:
        for precision, advised in (("float32", False), ("bf16", True)):
            detector = Detector(LAYERS, precision=precision)
            (one,) = detector.observe(sample(3, total=math.nan))
            assert ('train in precision "float32"' in one.remedies) is advised


class TestDetector:
    def test_tells_a_finding_once(self) -> None:
        detector = Detector(LAYERS)
        news = [detector.observe(sample(t, total=5e3)) for t in range(3)]
        assert [len(new) for new in news] == [1, 0, 0]
        assert detector.findings[0].samples == 3

    def test_a_finding_knows_when_it_was_over(self) -> None:
        detector = Detector(LAYERS)
        for t in range(60):
            detector.observe(sample(t, total=5e3 if t < 3 else 1.0))
        assert [(f.first_step, f.last_step) for f in detector.findings] == [(0, 2)]


def test_a_factorisation_has_no_depth_and_no_relu():
    whys = applicable(TABLES)
    assert whys[FindingKind.EXPLODING] is whys[FindingKind.NON_FINITE] is None
    assert whys[FindingKind.VANISHING] == "the net has no two weight matrices one behind the other"
    assert whys[FindingKind.DEAD] == "the net has no ReLU layer"
    assert set(applicable(LAYERS).values()) == {None}


class TestRunningMedian:
    def test_is_that_of_the_newest_numbers(self) -> None:
        median = RunningMedian(5)
        seen = []
        for number in (9.0, 9.0, 9.0, 9.0, 1.0, 2.0, 3.0, math.nan, math.inf, 4.0):
            median.add(number)
            seen.append(median.value)
        # From the fifth on: of 9 9 9 9 1, then 9 9 9 1 2, 9 9 1 2 3 (twice more unchanged), 9 1 2 3 4.
        assert seen == [None, None, None, None, 9.0, 9.0, 3.0, 3.0, 3.0, 3.0]


def test_a_layer_reads_back_from_its_json():
    assert [Layer.from_json(layer.to_json()) for layer in LAYERS] == list(LAYERS)
