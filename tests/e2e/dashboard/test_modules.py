"""The page's own arithmetic, run where it runs: in the browser."""

from typing import Any

import pytest
from playwright.sync_api import Page

from tests.e2e.dashboard.served import Served

pytestmark = pytest.mark.browser


@pytest.fixture
def blank(page: Page, served: Served) -> Page:
    page.goto(served.address)
    return page


def fed(page: Page, pieces: list[str]) -> list[dict[str, Any]]:
    script = """async pieces => {
        const { EventParser } = await import('/static/sse.js');
        const parser = new EventParser();
        return pieces.flatMap(piece => parser.feed(piece));
    }"""
    found: list[dict[str, Any]] = page.evaluate(script, pieces)
    return found


def test_an_event_stream_is_read_whole_however_it_is_cut(blank: Page):
    text = 'event: point\r\nid: 7\r\ndata: {"a":1}\r\n\r\n: ping\n\nid: 8\rdata: x\rdata: y\r\rdata: z\n\n'
    wanted = [
        {"type": "point", "content": '{"a":1}', "id": "7"},
        {"type": "message", "content": "x\ny", "id": "8"},
        {"type": "message", "content": "z", "id": "8"},
    ]
    assert fed(blank, [text]) == wanted
    assert fed(blank, list(text)) == wanted


def test_an_event_that_the_connection_cut_off_is_not_delivered(blank: Page):
    assert fed(blank, ["id: 1\ndata: whole\n\nid: 2\ndata: half"]) == [
        {"type": "message", "content": "whole", "id": "1"}
    ]


def test_thinning_keeps_both_ends_and_every_extreme(blank: Page):
    script = """async () => {
        const { extremes } = await import('/static/curve.js');
        const spiky = Array.from({length: 1000}, (_, i) => i === 417 ? 99 : i === 803 ? -99 : i % 7);
        const kept = extremes(1000, [spiky], 20);
        return [kept[0], kept.at(-1), kept.includes(417), kept.includes(803), kept.length <= 42];
    }"""
    assert blank.evaluate(script) == [0, 999, True, True, True]


def test_a_long_run_is_thinned_and_keeps_its_spike(blank: Page):
    script = """async () => {
        const { Curve } = await import('/static/curve.js');
        const curve = new Curve();
        const loss = step => step === 1234 ? 50 : 1;
        for (let step = 0; step < 20000; step += 1) curve.addPoint({step, lr: 1, loss: loss(step)});
        curve.addPoint({step: 5, lr: 9, loss: 9});
        return [curve.steps.length <= 6000, Math.max(...curve.loss), curve.lastStep, curve.lr.includes(9)];
    }"""
    assert blank.evaluate(script) == [True, 50, 19999, False]


def test_smoothing_weighs_by_distance_in_steps_and_skips_what_is_no_number(blank: Page):
    script = """async () => {
        const { smooth } = await import('/static/curve.js');
        return smooth([0, 1, 2, 12], [4, 8, null, 8], 1);
    }"""
    found = blank.evaluate(script)
    # Half-life of one step: after one step the old value weighs a half, after eleven more 2^-11.
    assert found[0] == 4
    assert found[1] == pytest.approx(6.0)
    assert found[2] is None
    assert found[3] == pytest.approx(8 - 2 * 2**-11)


def test_an_address_is_read_into_its_parts(blank: Page):
    script = """async () => {
        const { parseRoute } = await import('/static/route.js');
        return ['', '#/jobs', '#/models/a%20b', '#/models/a/3', '#/models/a/versions/3',
                '#/models/a/versions', '#/models/versions/3', '#/schedules?state=x_-1', '#/jobs&a=1',
                '#/nowhere/1', '#/range-tests/new', '#/jobs/%E0', '#/jobs/x/y', '#/models/a/3/b',
                '#/graphs/x']
            .map(parseRoute).map(({section, name, rest, query}) => [section, name, rest, query]);
    }"""
    assert blank.evaluate(script) == [
        ["jobs", "", [], {}],
        ["jobs", "", [], {}],
        ["models", "a b", [], {}],
        ["models", "a", ["3"], {}],
        ["models", "a", ["3"], {}],
        ["models", "a", [], {}],
        ["models", "versions", ["3"], {}],
        ["schedules", "", [], {"state": "x_-1"}],
        ["jobs", "", [], {"a": "1"}],
        [None, "", [], {}],
        ["ranges", "new", [], {}],
        ["jobs", "%E0", [], {}],
        [None, "", [], {}],
        [None, "", [], {}],
        [None, "", [], {}],
    ]


def test_a_state_survives_its_way_through_an_address(blank: Page):
    script = """async () => {
        const { packed, parseRoute, unpacked } = await import('/static/route.js');
        const state = {label: 'η₀ ≥ ½?&=#/+ 🎞', rate: 1e-7, phases: [{name: 'linear'}], none: null};
        const address = `#/schedules?state=${packed(state)}`;
        const text = parseRoute(address).query.state;
        return [JSON.stringify(unpacked(text)) === JSON.stringify(state), /^[A-Za-z0-9_-]+$/.test(text),
                unpacked('%%'), unpacked(text.slice(0, -7))];
    }"""
    assert blank.evaluate(script) == [True, True, None, None]


def test_numbers_are_written_for_people(blank: Page):
    script = """async () => {
        const f = await import('/static/format.js');
        const schedule = {phases: [{name: 'linear'}, {name: 'cosine'}]};
        return [f.number(0.0001234), f.number(1234567), f.number(0.43), f.number(NaN),
                f.duration(3725), f.duration(59.6), f.signed(-0.00421), f.bytes(2048000),
                f.metricName('ndcg@10'), f.scheduleName(schedule)];
    }"""
    assert blank.evaluate(script) == [
        "1.234e-4",
        "1,234,567",
        "0.43",
        "–",
        "1 h 02 min",
        "1 min 00 s",
        "−0.0042",
        "2.05 MB",
        "NDCG@10",
        "linear → cosine",
    ]


def test_a_place_in_a_schedule_of_one_phase_is_found_in_the_form(blank: Page):
    script = """async () => {
        const { listedPlace } = await import('/static/playground/form.js');
        const short = { name: 'step', base_lr: 1 }, long = { base_lr: 1, phases: [] };
        return [
            listedPlace(['gamma'], short), listedPlace(['base_lr'], short), listedPlace([], short),
            listedPlace(['phases', 0], short), listedPlace(['gamma'], long), listedPlace(['gamma'], null),
        ];
    }"""
    wanted = [["phases", 0, "gamma"], ["base_lr"], [], ["phases", 0], ["gamma"], ["gamma"]]
    assert blank.evaluate(script) == wanted


def test_a_list_kept_current_shows_older_entries_and_leaves_the_focus_where_it_is(blank: Page):
    script = """async () => {
        const { keepNewest } = await import('/static/newest.js');
        const { h } = await import('/static/dom.js');
        const all = Array.from({length: 30}, (_, i) => ({ id: `swp_${i}` })), asked = [];
        window.fetch = async path => {
            asked.push(path);
            const query = new URL(path, location.href).searchParams;
            const from = all.findIndex(one => one.id === query.get('after')) + 1;
            const data = all.slice(from, from + Number(query.get('limit')));
            return Response.json({ data, has_more: from + data.length < all.length });
        };
        const place = document.body.appendChild(h('div')), stop = new AbortController();
        const drawn = entries => entries.map(one => h('a', { href: `#/${one.id}` }, `${asked.length}`));
        const until = async seen => { while (!seen()) await new Promise(go => setTimeout(go, 5)); };
        keepNewest(place, { path: '/v1/sweeps', older: 'older', drawn, pause: () => 20,
                            trouble: { asked: error => { if (error) throw error; } }, signal: stop.signal });
        await until(() => place.querySelectorAll('a').length === 25);
        place.querySelectorAll('a')[7].focus();
        const before = document.activeElement, button = place.querySelector('button');
        const first = button.hidden;
        await until(() => !before.isConnected);
        const kept = document.activeElement.getAttribute('href');
        button.click();
        await until(() => place.querySelectorAll('a').length === 30);
        stop.abort();
        return [first, kept, button.hidden, asked[0]];
    }"""
    assert blank.evaluate(script) == [False, "#/swp_7", True, "/v1/sweeps?limit=25"]


@pytest.mark.parametrize(
    ("ticks", "step", "texts"),
    [
        ([0.001, 0.001025, 0.00105], 2.5e-5, ["0.001", "0.001025", "0.00105"]),
        ([0, 250_000, 1_000_000], 250_000, ["0", "250,000", "1,000,000"]),
        ([0.96, 0.98, 1.0], 0.02, ["0.96", "0.98", "1"]),
        ([0.1 + 0.2, 0.4], 0.1, ["0.3", "0.4"]),
        ([1e-05, None, 1e-04], None, ["1e-5", "", "1e-4"]),
    ],
)
def test_ticks_have_the_digits_that_tell_them_apart(
    blank: Page, ticks: list[float | None], step: float | None, texts: list[str]
):
    script = """async ([ticks, step]) => {
        const { tickTexts } = await import('/static/chart_look.js');
        return tickTexts(ticks, step);
    }"""
    assert blank.evaluate(script, [ticks, step]) == texts


def test_an_axis_is_as_wide_as_its_longest_text(blank: Page):
    script = """async texts => {
        const { axisRoom } = await import('/static/chart_look.js');
        const ctx = document.createElement('canvas').getContext('2d');
        ctx.font = `${11 * devicePixelRatio}px system-ui`;
        const plot = { ctx, axes: [null, { font: [ctx.font], gap: 5, ticks: { size: 4 } }] };
        const widest = ctx.measureText('1,000,000').width / devicePixelRatio;
        const room = least => axisRoom(plot, texts, { axis: 1, least });
        return [room(20) - widest, room(200)];
    }"""
    room, least = blank.evaluate(script, ["0", "1,000,000"])
    assert 11 <= room <= 12
    assert least == 200
