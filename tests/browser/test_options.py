"""Two options, three, twenty-six; any name, any number, any screen."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from playwright.async_api import Page, ViewportSize, expect

from tests.browser import system, visitor
from tests.browser.conftest import Arrive, Ask

pytestmark = pytest.mark.asyncio(loop_scope="package")

SHOWN_WITHIN = 12_000  # ms
SIZES: tuple[ViewportSize, ...] = (
    {"width": 320, "height": 568},
    {"width": 844, "height": 390},
    {"width": 768, "height": 1024},
    {"width": 1024, "height": 600},
    {"width": 1024, "height": 768},
    {"width": 1280, "height": 720},
    {"width": 1440, "height": 900},
    {"width": 3840, "height": 2160},
)
PAPER: ViewportSize = {"width": 718, "height": 1047}  # A4 with the margins of the browser
FRUIT = (
    *("Apple", "Banana", "Cherry", "Date", "Elderberry", "Fig", "Grape", "Honeydew", "Imbe"),
    *("Jackfruit", "Kiwi", "Lemon", "Mango", "Nectarine", "Orange", "Papaya", "Quince"),
    *("Raspberry", "Strawberry", "Tangerine", "Ugli", "Vanilla", "Watermelon", "Xigua"),
    *("Yuzu", "Zucchini"),
)
UNBROKEN = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" * 2
SENTENCE = (
    "The one with the very long name, which nobody can read from the last row of the room, but "
    "which somebody has thought of all the same, and which must not break the layout of the page"
)
# On how many lines the words of an element stand.
LINES = """
    const lines = (it) => {
        const words = document.createRange();
        words.selectNodeContents(it);
        return new Set([...words.getClientRects()].map((line) => Math.round(line.top))).size;
    };
"""
# What is cut off, or lies over something else.
MISPLACED = (
    "() => {"
    + LINES
    + """
    const seen = (it) => it.getClientRects().length > 0;
    const all = (selector) => [...document.querySelectorAll(selector)].filter(seen);
    const say = (it) => `${it.className}: ${it.textContent.trim()}`;
    const box = (it) => it.getBoundingClientRect();
    const found = [];
    if (document.documentElement.scrollWidth > window.innerWidth) found.push("page: too wide");
    for (const it of all(".side .share, .side .count, .option .name, .mark, .invite *"))
        if (it.scrollWidth > it.clientWidth + 1 && getComputedStyle(it).display !== "inline")
            found.push(`cut: ${say(it)}`);
    for (const it of all(".option .name, .side .tag, .side .share, .mark"))
        if (/^\\S{1,10}$/.test(it.textContent.trim()) && lines(it) > 1)
            found.push(`broken: ${say(it)}`);
    for (const it of all(".bar bdi")) {
        const words = document.createRange();
        words.selectNodeContents(it);
        const isCut = box(words).width > it.parentElement.clientWidth + 1;
        if (/^.{1,12}$/u.test(it.textContent) && isCut)
            found.push(`cut: ${say(it.parentElement)}`);
        const track = it.closest(".bar").querySelector(".track");
        if (box(it.parentElement).bottom > box(track).top + 1)
            found.push(`touches its bar: ${say(it.parentElement)}`);
        const name = it.parentElement;
        const isShort = !isCut && innerWidth >= 768 && !it.closest("[data-lines]");
        if (isShort && name.dataset.verdict && name.scrollHeight > name.clientHeight + 1)
            found.push(`without its verdict: ${say(name)}`);
    }
    for (const side of all(".side"))
        for (const it of side.children) {
            const [inner, outer] = [box(it), box(side)];
            if (inner.left < outer.left - 1 || inner.right > outer.right + 1
                || inner.top < outer.top - 1 || inner.bottom > outer.bottom + 1)
                found.push(`outside: ${say(it)}`);
        }
    for (const card of all(".invite"))
        for (const it of all(".side > *, .bar")) {
            const [a, b] = [box(card), box(it)];
            if (it.textContent.trim() && a.left < b.right - 1 && b.left < a.right - 1
                && a.top < b.bottom - 1 && b.top < a.bottom - 1)
                found.push(`covered: ${say(it)}`);
        }
    for (const it of all(".option"))
        for (const inner of [...it.children].filter(seen))
            if (box(inner).bottom > box(it).bottom + 1
                || box(inner).top < box(it).top - 1
                    - (inner.className === "mark" ? 0.6 * box(inner).height : 0))  // on the frame
                found.push(`outside: ${say(inner)}`);
    for (const mark of all(".option .mark:not(:empty)"))
        for (const name of all(".option .name")) {
            const words = document.createRange();
            words.selectNodeContents(name);
            const [a, lines] = [box(mark), [...words.getClientRects()]];
            if (lines.some((b) => a.left < b.right - 1 && b.left < a.right - 1
                && a.top < b.bottom - 1 && b.top < a.bottom - 1))
                found.push(`covered by ${say(mark)}: ${say(name)}`);
        }
    return found;
}"""
)


@dataclass
class Case:
    """A poll, and how many have voted for what."""

    name: str
    options: Sequence[str]
    tallies: Sequence[int]
    title: str = ""
    shows: dict[str, list[str]] = field(default_factory=dict)  # texts by selector
    schemes: Sequence[visitor.Scheme] = ("light",)

    @property
    def settings(self) -> dict[str, str]:
        letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
        names = {
            f"OPTION_{letter}": name for letter, name in zip(letters, self.options, strict=False)
        }
        return names | {"POLL_TITLE": self.title}

    @property
    def votes(self) -> dict[str, int]:
        return dict(zip("abcdefghijklmnopqrstuvwxyz", self.tallies, strict=False))


NUMBERS = (
    Case(
        "tie",
        ["Cats", "Dogs"],
        [500, 500],
        shows={".side .share": ["50.0%"] * 4, ".side .verdict": ["Tie"] * 4},
    ),
    Case(
        "ten-million",
        ["Cats", "Dogs"],
        [10_000_000, 9_999_999],
        shows={
            ".layer.over .share": ["50.0%", "50.0%"],
            ".layer.over .verdict": ["Leads", ""],
            "#total": ["19,999,999 votes"],
        },
    ),
    Case(
        "landslide",
        ["Cats", "Dogs"],
        [1, 9_999_999],
        shows={
            ".layer.over .share": ["<0.1%", ">99.9%"],
            ".layer.over .count": ["1 vote", "9,999,999 votes"],
        },
    ),
)
NAMES = (
    Case(
        "scripts",
        ["القطط 🐈", "犬と散歩 🐕‍🦺"],
        [52, 48],
        title="ما هو المفضل لديك؟ 🐾",
        shows={".layer.over .tag": ["القطط 🐈", "犬と散歩 🐕‍🦺"]},
    ),
    Case("long-two", [UNBROKEN, SENTENCE], [3, 1], title=SENTENCE),
    Case(
        "three",
        ["Cats", "Dogs", "Parrots"],
        [120, 340, 120],
        shows={
            ".bar .name": ["Dogs", "Cats", "Parrots"],
            ".bar .rank": ["1", "2", "2"],
            ".bar .share": ["58.6%", "20.7%", "20.7%"],
        },
        schemes=("light", "dark"),
    ),
    Case("capitals", ["WOMBAT", "MAMMOTH", "COW"], [1234, 56, 7]),
    Case("two-capitals", ["COMMODORE", "HAMBURGER"], [1234, 56]),
    Case("four-capitals", ["COMMODORE", "HAMBURGER", "MOHAMMED", "AMIGA"], [1234, 56, 7, 1]),
    Case("five-capitals", ["COMMODORE", "HAMBURGER", "MOHAMMED", "AMIGA", "C"], [9, 5, 7, 1, 4]),
    Case("arabic", ["القطط", "الكلاب", "الببغاوات"], [1234, 56, 7]),
    Case(
        "long-five",
        [SENTENCE, UNBROKEN, "قطط", "🐕🐕🐕", "A name of middling length"],
        [7, 70, 700, 7_000, 70_000],
        title=UNBROKEN,
    ),
    Case(
        "twenty-six",
        FRUIT,
        [(number * number * 7_919) % 4_001 for number in range(25)] + [10_000_000],
        shows={".bar .rank": [str(rank) for rank in range(1, 27)]},
    ),
    Case("one-long-of-many", [*FRUIT[:25], UNBROKEN], range(2_600, 0, -100)),
)


async def shown(page: Page, case: Case) -> None:
    """Waits until the page shows the numbers of the case.

    Long enough for a page of which a script did not come, as where the network of the machine
    changes: it loads itself again after 5 s.
    """
    for selector, texts in case.shows.items():
        await expect(page.locator(selector)).to_have_text(texts, timeout=SHOWN_WITHIN)


async def fits(page: Page, what: str) -> list[str]:
    """What does not fit, on no screen."""
    found = []
    for size in SIZES:
        await page.set_viewport_size(size)
        found += [
            f"{what}, {size['width']} px: {misplaced}"
            for misplaced in await page.evaluate(MISPLACED)
        ]
    return found


async def test_any_number(running: system.System, arrive: Arrive) -> None:
    phone = await arrive(running.vote.url)
    misplaced = await fits(phone.page, "vote")
    wall = await arrive(running.result.url, reduced_motion="reduce")
    for case in NUMBERS:
        await running.pretend(**case.votes)
        await shown(wall.page, case)
        await wall.look(f"result-{case.name}", schemes=case.schemes)
        misplaced += await fits(wall.page, case.name)
    assert not misplaced, "\n".join(misplaced)


@pytest.mark.parametrize("case", NAMES, ids=lambda case: case.name)
async def test_every_poll_fits_every_screen(
    running: system.System, arrive: Arrive, ask: Ask, case: Case
) -> None:
    await running.pretend(**case.votes)
    vote, result = await ask(**case.settings)
    wall = await arrive(result.url, reduced_motion="reduce")
    await expect(wall.page.locator("#health")).to_have_text("All is well")
    await shown(wall.page, case)
    await wall.look(f"result-{case.name}", schemes=case.schemes)
    misplaced = await fits(wall.page, "result")
    await wall.page.set_viewport_size(visitor.WALL)
    await wall.page.keyboard.press("p")
    await wall.look(f"result-{case.name}-presenter", schemes=["dark"], screens=["wall"], axe=False)
    misplaced += await fits(wall.page, "presenter")
    phone = await arrive(vote.url, reduced_motion="reduce")
    await phone.cast("b")
    await phone.look(f"vote-{case.name}", schemes=case.schemes)
    misplaced += await fits(phone.page, "vote")
    assert not misplaced, "\n".join(misplaced)


# Words on more than one line, of names that are one word.
BROKEN = (
    "() => {"
    + LINES
    + """
    return [...document.querySelectorAll(".option .name")]
        .filter((it) => !it.textContent.trim().includes(" ") && lines(it) > 1)
        .map((it) => it.textContent);
}"""
)


@pytest.mark.parametrize("count", [2, 3, 5, 9, 12])
@pytest.mark.parametrize(
    ("word", "sideways"),
    [
        ("Geschwindigkeitsbegrenzungenab", False),
        ("GESCHWINDIGKEITSBEGRENZUNG", False),
        ("Rechtsschutzversicherung", True),
        ("KRANKENVERSICHERUNGE", True),
    ],
)
async def test_no_long_word_is_broken(
    arrive: Arrive, ask: Ask, word: str, sideways: bool, count: int
) -> None:
    """`sideways`: nor on a phone that is held so, where three stand in a row."""
    vote, _ = await ask(**Case("", [word, *FRUIT[: count - 1]], ()).settings)
    phone = await arrive(vote.url)
    for size in SIZES:
        if sideways or size["height"] > 400:
            await phone.page.set_viewport_size(size)
            assert await phone.page.evaluate(BROKEN) == [], size


SPEAKERS = [f"Speaker number {number}" for number in range(10, 36)]
QUESTION = "Which framework do you want to learn this winter?"
# Bars that a wall, which nobody scrolls, does not show; names of up to 20 letters that are cut.
OFF_THE_WALL = """() => [...document.querySelectorAll(".bar")]
    .filter((it) => it.getBoundingClientRect().bottom > window.innerHeight + 1).length"""
CUT = """() => [...document.querySelectorAll(".bar bdi")]
    .filter((it) => it.textContent.length <= 20 && it.scrollWidth > it.clientWidth + 1)
    .map((it) => it.textContent)"""


@pytest.mark.parametrize("size", [(1280, 720), (1024, 768)], ids=["wide", "old"])
@pytest.mark.parametrize("count", [11, 26])
async def test_all_bars_stand_on_a_wall_and_what_is_wrong(
    running: system.System, arrive: Arrive, ask: Ask, count: int, size: tuple[int, int]
) -> None:
    _, result = await ask(**Case("", SPEAKERS[:count], (), QUESTION).settings)
    await running.pretend(a=3, b=2, c=1)
    viewport: ViewportSize = {"width": size[0], "height": size[1]}
    wall = await arrive(f"{result.url}?present", viewport=viewport)
    await expect(wall.page.locator("#total")).to_have_text("6 votes")
    await expect(wall.page.locator(".strip")).to_be_hidden()
    assert await wall.page.evaluate(OFF_THE_WALL) == 0
    await running.worker.kill()
    try:
        strip = wall.page.locator("#health")
        await expect(strip).to_contain_text("The worker is away", timeout=10_000)
        box = await strip.bounding_box()
        assert box is not None and box["y"] + box["height"] <= viewport["height"]
    finally:
        await running.restart_worker()


async def test_names_of_up_to_twenty_letters_are_whole_in_two_columns(
    running: system.System, arrive: Arrive, ask: Ask
) -> None:
    names = ["Krankenversicherung", *FRUIT[:11]]
    _, result = await ask(**Case("", names, ()).settings)
    await running.pretend(**{option: 123 * n for n, option in enumerate("lkjihgfedcba", 1)})
    wall = await arrive(result.url)
    await expect(wall.page.locator("#total")).to_have_text("9,594 votes")
    for mode in ("", "?present"):
        await wall.open(f"{result.url}{mode}")
        await expect(wall.page.locator("[data-present]")).to_have_count(1 if mode else 0)
        for width, height in ((1200, 800), (1280, 720), (1366, 768), (1920, 1080)):
            await wall.page.set_viewport_size({"width": width, "height": height})
            assert await wall.page.evaluate(CUT) == [], (width, mode)


async def test_the_verdict_is_not_broken(running: system.System, arrive: Arrive, ask: Ask) -> None:
    names = ["Wohngebäudeversicherung", "Rechtsschutz", "Haftpflicht"]
    _, result = await ask(**Case("", names, ()).settings)
    await running.pretend(a=3, b=2, c=1)
    wall = await arrive(result.url, viewport={"width": 1024, "height": 768})
    name = wall.page.locator(".bar .name").first
    await expect(name).to_have_attribute("data-verdict", "Leads")
    # A box of its own goes to the next line as a whole.
    display = "(it) => getComputedStyle(it, '::after').display"
    assert await name.evaluate(display) == "inline-block"


async def test_four_tiles_are_no_higher_than_the_screen(arrive: Arrive, ask: Ask) -> None:
    vote, _ = await ask(**Case("", ["COMMODORE", "HAMBURGER", "MOHAMMED", "AMIGA"], ()).settings)
    desk = await arrive(vote.url, viewport={"width": 1280, "height": 800})
    assert await desk.page.evaluate("document.documentElement.scrollHeight") == 800


@pytest.mark.parametrize(
    ("options", "least"),
    [
        (["Cats", "Dogs"], 115),
        (["Hamburger", "Pizza"], 78),
        (["Strawberry", "Elderberries"], 47),
    ],
)
async def test_small_letters_are_set_large(
    arrive: Arrive, ask: Ask, options: list[str], least: int
) -> None:
    vote, _ = await ask(**Case("", options, ()).settings)
    desk = await arrive(vote.url, viewport={"width": 1280, "height": 800})
    name = desk.page.locator(".option .name").first
    assert await name.evaluate("(it) => parseFloat(getComputedStyle(it).fontSize)") >= least


TALKS = (
    *("Talk A", "Talk B", "Talk C", "Talk D", "Talk E"),
    "How we moved to another database without anybody noticing it",
    "Kubernetes on three old laptops in a cupboard under the stairs",
    *(f"Talk {letter}" for letter in "HIJKLMNOPQRSTUVWXYZ"),
)
# Without the transform of the one under the mouse.
BUTTONS = """() => [...document.querySelectorAll(".option")].map((it) =>
    [it.offsetLeft, it.offsetTop, it.offsetWidth, it.offsetHeight].join())"""


@pytest.mark.parametrize("count", [3, 4, 6, 8, 11, 26])
async def test_a_vote_moves_no_button(
    running: system.System, arrive: Arrive, ask: Ask, count: int
) -> None:
    """Who taps twice must not tap another option."""
    talks = TALKS[7 - min(count, 7) :][:count]
    vote, _ = await ask(**Case("", talks, ()).settings)
    for size in (visitor.PHONE, {"width": 360, "height": 640}, visitor.DESKTOP):
        guest = await arrive(vote.url, viewport=size, reduced_motion="reduce")
        before = await guest.page.evaluate(BUTTONS)
        option = talks.index(TALKS[6])
        await guest.cast("abcdefghijklmnopqrstuvwxyz"[option])
        await guest.settled()
        assert await guest.page.evaluate(BUTTONS) == before, size
        assert not await guest.page.evaluate(MISPLACED), size
        if count != 26 and size is visitor.PHONE:
            await guest.look(f"vote-talks-{count}", screens=["phone", "desktop"])


async def test_equal_bars_are_equally_long_on_a_phone(
    running: system.System, arrive: Arrive, ask: Ask
) -> None:
    await running.pretend(a=100_000, b=99_000, c=1)
    _, result = await ask(OPTION_C="Parrots")
    phone = await arrive(result.url)
    await expect(phone.page.locator(".bar .share")).to_have_text(["50.3%", "49.7%", "<0.1%"])
    tracks = await phone.page.locator(".bar .track").all()
    boxes = [await track.bounding_box() for track in tracks]
    assert len({(box["x"], box["width"]) for box in boxes if box}) == 1, boxes


async def test_bars_change_places(running: system.System, arrive: Arrive, ask: Ask) -> None:
    await running.pretend(a=3, b=2, c=1)
    _, result = await ask(OPTION_C="Parrots")
    wall = await arrive(result.url, viewport=visitor.DESKTOP)
    names = wall.page.locator(".bar .name")
    await expect(names).to_have_text(["Cats", "Dogs", "Parrots"])
    await running.pretend(a=3, b=2, c=30)
    await expect(names).to_have_text(["Parrots", "Cats", "Dogs"])
    shares = wall.page.locator(".bar .share")
    await expect(shares).to_have_text(["85.7%", "8.6%", "5.7%"])
    rows = wall.page.locator("tbody tr td:last-child")
    await expect(rows).to_have_text(["3", "2", "30"])


@pytest.mark.parametrize("size", SIZES[5:], ids=lambda size: f"{size['width']}")
async def test_one_long_name_makes_the_others_no_smaller(
    running: system.System, arrive: Arrive, ask: Ask, size: ViewportSize
) -> None:
    await running.pretend(**dict.fromkeys("abcdefghijklmnopqrstuvwxyz", 7))
    found = []
    for options in (FRUIT, (*FRUIT[:25], UNBROKEN)):
        _, result = await ask(**Case("", options, ()).settings)
        wall = await arrive(result.url, viewport=size)
        name = wall.page.locator(".bar[data-id=a] bdi")
        found.append(await name.evaluate("(it) => parseFloat(getComputedStyle(it).fontSize)"))
    assert found[1] > 0.9 * found[0], found


CUT = """() => [...document.querySelectorAll(".bar bdi")]
    .filter((it) => it.scrollWidth > it.clientWidth).map((it) => it.textContent)"""


async def test_names_that_differ_at_the_end_are_told_apart(
    running: system.System, arrive: Arrive, ask: Ask
) -> None:
    names = [f"Candidate number {number}" for number in range(1, 27)]
    case = Case("candidates", names, range(130_000, 0, -5_000))
    await running.pretend(**case.votes)
    _, result = await ask(**case.settings)
    wall = await arrive(f"{result.url}?present", reduced_motion="reduce")
    for width, height in ((1280, 720), (1280, 800), (1440, 900), (1920, 1080)):
        await wall.page.set_viewport_size({"width": width, "height": height})
        await wall.settled()
        assert await wall.page.evaluate(CUT) == [], width
    await wall.look("result-candidates", schemes=["light"], screens=["wall"], axe=False)


CAPITALS = (
    "MMMMMMMM",
    "WWWWWWWW",
    "COW",
    "MAMMOTH",
    "WOMBAT",
    "GNU",
    "EMU",
    "ÅÄÖÉ",
    "ЖИВОТНОЕ",
    "FIG",
)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("ten", FRUIT[:10]),
        ("ten-capitals", CAPITALS),
        ("ten-long", [f"{fruit} of many letters and words" for fruit in FRUIT[:10]]),
        ("twenty-six", [*CAPITALS, *FRUIT[10:]]),
    ],
)
async def test_all_bars_stand_on_a_low_wall(
    running: system.System, arrive: Arrive, ask: Ask, name: str, options: Sequence[str]
) -> None:
    case = Case(name, options, range(130_000, 0, -5_000))
    await running.pretend(**case.votes)
    _, result = await ask(**case.settings)
    low: ViewportSize = {"width": 1280, "height": 720}
    wall = await arrive(f"{result.url}?present", viewport=low, reduced_motion="reduce")
    await expect(wall.page.locator("#health")).to_have_text("All is well")
    await wall.settled()
    assert await wall.page.evaluate("document.documentElement.scrollHeight") == 720
    assert await wall.page.evaluate(MISPLACED) == []
    await wall.page.screenshot(path=visitor.SCREENSHOTS / f"result-{name}-low-wall.png")


@pytest.mark.parametrize(
    ("options", "size"),
    [
        (["Cats", "Dogs"], {"width": 320, "height": 568}),
        (["Cats", "Dogs", "Parrots"], {"width": 320, "height": 568}),
        (["Cats", "Dogs"], {"width": 360, "height": 640}),
        (["Cats", "Dogs", "Parrots", "Mice"], {"width": 360, "height": 640}),
    ],
)
async def test_the_answer_covers_no_mark_on_a_low_phone(
    arrive: Arrive, ask: Ask, options: list[str], size: ViewportSize
) -> None:
    vote, _ = await ask(**Case("", options, ()).settings)
    phone = await arrive(vote.url, viewport=size, reduced_motion="reduce")
    last = phone.option("abcd"[len(options) - 1])
    with phone.network_errors(to_the_end=True):
        await phone.page.route("**/api/votes", lambda route: route.abort())
        await last.click()
        await expect(last.locator(".mark")).to_have_text("Not sure")
    await phone.settled()
    mark = await last.locator(".mark").bounding_box()
    answer = await phone.page.locator(".answer").bounding_box()
    assert mark
    assert answer
    assert mark["y"] + mark["height"] <= answer["y"]


# The lines of the address under the QR code, as they are broken.
LINES = """() => {
    const lines = new Map();
    const nodes = document.createTreeWalker(
        document.querySelector(".where"), NodeFilter.SHOW_TEXT);
    while (nodes.nextNode())
        for (let at = 0; at < nodes.currentNode.length; at++) {
            const letter = document.createRange();
            letter.setStart(nodes.currentNode, at);
            letter.setEnd(nodes.currentNode, at + 1);
            const top = Math.round(letter.getBoundingClientRect().top);
            lines.set(top, (lines.get(top) ?? "") + letter);
        }
    return [...lines.values()];
}"""


@pytest.mark.parametrize(
    "address",
    [
        "192.168.178.120:18480",
        "[2001:db8:85a3::8a2e:370:7334]:8080",
        "vote.staff-meeting.example.org/cats/dogs?room=12&day=34",
    ],
)
@pytest.mark.parametrize("query", ["", "?present"])
async def test_an_address_is_broken_at_sensible_places(
    running: system.System, arrive: Arrive, address: str, query: str
) -> None:
    await running.pretend(a=2, b=1)
    environment = running.environment | {"VOTE_URL": f"http://{address}/"}
    result = await running.services.ready("result", **environment)
    phone = await arrive(f"{result.url}{query}", viewport=SIZES[0])
    lines = await phone.page.evaluate(LINES)
    misplaced = await phone.page.evaluate(MISPLACED)
    await phone.context.close()
    await result.kill()
    assert "".join(lines) == address
    assert all(line[0] in ".:?&-" or before[-1] == "/" for before, line in pairwise(lines)), lines
    assert not misplaced, "\n".join(misplaced)


async def test_a_name_that_is_cut_turns_nothing_round(arrive: Arrive, ask: Ask) -> None:
    vote, _ = await ask(OPTION_A=f"\u2067{'x' * 50}\u2069")
    phone = await arrive(vote.url)
    await phone.cast("a")
    notice = phone.page.locator("#notice")
    await expect(notice).to_have_text(f"Your vote for {'x' * 38}… is in. You can change it.")
    assert "\u2067" not in (await notice.text_content() or "")


async def test_all_options_by_keyboard(arrive: Arrive, ask: Ask) -> None:
    vote, _ = await ask(**Case("", FRUIT, ()).settings)
    desk = await arrive(vote.url, viewport=visitor.DESKTOP)
    for letter in "abcdefghijklmnopqrstuvwxyz":
        await desk.page.keyboard.press("Tab")
        await expect(desk.option(letter)).to_be_focused()
    await desk.page.keyboard.press("Space")
    notice = desk.page.locator("#notice")
    await expect(notice).to_have_text(re.compile("Your vote for Zucchini is in"))


# Where things are as soon as the page is there, before its scripts begin.
FIRST = """
document.addEventListener("readystatechange", () => {
    if (document.readyState === "interactive") window.first = tops();
});
window.tops = () => {
    const all = [...document.querySelectorAll(".board, .invite, .strip, .tools, #pipeline div")];
    return all.map((it) => it.className + (it.dataset.fact ?? "") + " " +
        Math.round(it.getBoundingClientRect().top));
};"""


@pytest.mark.parametrize("size", [visitor.PHONE, *SIZES], ids=lambda size: f"{size['width']}")
async def test_nothing_moves_when_the_first_word_comes(
    running: system.System, arrive: Arrive, size: ViewportSize
) -> None:
    come = await arrive(viewport=size)
    await come.page.add_init_script(FIRST)
    await come.open(running.result.url)
    await expect(come.page.locator("#health")).to_have_text("All is well")
    assert await come.page.evaluate("tops()") == await come.page.evaluate("first")


async def test_a_camera_reads_the_code_in_forced_colours(
    running: system.System, arrive: Arrive
) -> None:
    """Dark on light, whatever colours the reader has chosen."""
    wall = await arrive(running.result.url, viewport=visitor.DESKTOP)
    await wall.page.emulate_media(forced_colors="active", color_scheme="dark")
    colours = await wall.page.evaluate(
        """() => ["a", "svg path"].map((each) => {
            const style = getComputedStyle(document.querySelector(`.invite ${each}`));
            return each === "a" ? style.backgroundColor : style.stroke;
        })"""
    )
    assert colours == ["rgb(255, 255, 255)", "rgb(21, 23, 28)"]
    await wall.page.screenshot(path=visitor.SCREENSHOTS / "result-forced-colours.png")


async def test_on_paper_colours_are_kept_and_tools_are_not(
    running: system.System, arrive: Arrive
) -> None:
    for url, coloured in ((running.vote.url, ".option"), (running.result.url, ".layer")):
        come = await arrive(url)
        await come.page.set_viewport_size({"width": 1440, "height": 900})
        await come.page.emulate_media(media="print")
        style = "each => getComputedStyle(each).printColorAdjust"
        assert await come.page.locator(coloured).first.evaluate(style) == "exact"
        for tool in (".languages", ".tools"):
            await expect(come.page.locator(tool)).to_be_hidden()


# How far from the left the first such letter of the notice is drawn, in px.
LEFT = """(notice, letter) => {
    const walker = document.createTreeWalker(notice, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const at = walker.currentNode.data.indexOf(letter);
        if (at < 0) continue;
        const range = document.createRange();
        range.setStart(walker.currentNode, at);
        range.setEnd(walker.currentNode, at + 1);
        return range.getBoundingClientRect().left;
    }
    return null;
}"""


async def test_a_name_in_a_sentence_is_written_as_on_its_button(arrive: Arrive, ask: Ask) -> None:
    """From right to left with all that is in it, whatever is around."""
    vote, _ = await ask(OPTION_A="כלבים 123!", OPTION_B="{kept}")
    phone = await arrive(vote.url)
    notice = phone.page.locator("#notice")
    await phone.cast("a")
    for _ in ("by the script", "by the server"):
        await expect(notice).to_have_text("Your vote for כלבים 123! is in. You can change it.")
        sign, digit, letter = [await notice.evaluate(LEFT, each) for each in "!1כ"]
        assert sign < digit < letter
        await phone.page.reload()
    await phone.look("vote-name-right-to-left", screens=["phone", "desktop"])
    await phone.cast("b")
    await expect(notice).to_have_text("Your vote for {kept} is in. You can change it.")


async def test_the_verdict_is_on_paper_too(
    running: system.System, arrive: Arrive, ask: Ask
) -> None:
    await running.pretend(a=3, b=2, c=1)
    _, result = await ask(OPTION_C="Parrots")
    come = await arrive(result.url, viewport=PAPER)
    name = come.page.locator(".bar .name").first
    await expect(name).to_have_attribute("data-verdict", "Leads")
    await come.page.emulate_media(media="print")
    shown = "each => getComputedStyle(each, '::after').display"
    assert await name.evaluate(shown) != "none"
    assert await name.evaluate("each => each.scrollHeight <= each.clientHeight + 1")
    await come.page.screenshot(path=visitor.SCREENSHOTS / "result-three-paper.png")
    assert not await come.page.evaluate(MISPLACED)
