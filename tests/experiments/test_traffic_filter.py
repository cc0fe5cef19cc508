import gc
import tracemalloc

import pytest
from crawleruseragents import CRAWLER_USER_AGENTS_DATA

from armlift.errors import ParameterError
from armlift.experiments.traffic_filter import TrafficFilter, agent_reasons, event_reasons

SECOND = 1_000_000
START = 1_790_000_000 * SECOND
_CHROMIUM = "AppleWebKit/537.36 (KHTML, like Gecko)"
_WEBKIT = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
_IPHONE = f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) {_WEBKIT}"
_ANDROID = "Mozilla/5.0 (Linux; Android 15; SM-S928N"
CHROME = f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_CHROMIUM} Chrome/140.0.0.0 Safari/537.36"
BROWSERS = [
    CHROME,
    f"{CHROME} Edg/140.0.0.0",
    f"{CHROME} OPR/122.0.0.0",
    "Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0",
    f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {_WEBKIT} Version/18.6 Safari/605.1.15",
    f"{_IPHONE} Version/18.6 Mobile/15E148 Safari/604.1",
    f"{_IPHONE} CriOS/140.0 Mobile/15E148 Safari/604.1",
    f"{_ANDROID}) {_CHROMIUM} SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36",
    f"{_ANDROID} Build/AP3A; wv) {_CHROMIUM} Version/4.0 Chrome/140.0 Mobile Safari/537.36 KAKAOTALK 2511070",
    f"{_ANDROID}) {_CHROMIUM} Chrome/138.0 Whale/1.0.0.0 Mobile Safari/537.36 NAVER(inapp; search; 2000)",
    f"{_IPHONE} Mobile/15E148 Instagram 395.0.0.24.87 (iPhone16,1; iOS 18_6; ko_KR; ko; scale=3.00)",
    f"{_IPHONE} Mobile/15E148 [FBAN/FBIOS;FBAV/530.0.0.44.93;FBBV/1;FBDV/iPhone16,1;FBMD/iPhone;FBSN/iOS]",
    "Opera/9.80 (Windows NT 6.1; WOW64) Presto/2.12.388 Version/12.18",
    "Shop/3.2 CFNetwork/1474 Darwin/23.0.0",
]
CRAWLERS = [
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "Mozilla/5.0 (compatible; Yeti/1.1; +https://naver.me/spd)",
    "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
    "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)",
]
DRIVEN = [
    CHROME.replace("Chrome/", "HeadlessChrome/"),
    f"{CHROME} Playwright/1.55",
    f"{CHROME} puppeteer",
    f"{CHROME} Selenium/4.35",
    "Mozilla/5.0 (Unknown; Linux x86_64) AppleWebKit/538.1 (KHTML, like Gecko) PhantomJS/2.1.1 Safari/538.1",
]
CLIENTS = [
    "",
    "  ",
    "curl/8.14.1",
    "Wget/1.25.0",
    "python-requests/2.32.5",
    "python-httpx/0.28.1",
    "Python-urllib/3.11",
    "Python/3.11 aiohttp/3.12.15",
    "node",
    "undici",
    "axios/1.11.0",
    "Go-http-client/2.0",
    "okhttp/5.1.0",
    "Java/21.0.8",
    "Apache-HttpClient/5.5 (Java/21.0.8)",
    "ReactorNetty/1.2.9",
    "Ruby",
    "GuzzleHttp/7",
]


@pytest.mark.parametrize("agent", BROWSERS)
def test_browsers_and_apps_are_counted(agent):
    assert agent_reasons(agent) == agent_reasons(agent, authenticated=True) == ()


@pytest.mark.parametrize("agent", CRAWLERS)
def test_crawlers_are_flagged_even_if_a_server_hands_their_agent_on(agent):
    assert agent_reasons(agent) == agent_reasons(agent, authenticated=True) == ("crawler",)


@pytest.mark.parametrize("agent", DRIVEN)
def test_driven_browsers_are_flagged(agent):
    assert agent_reasons(agent) == agent_reasons(agent, authenticated=True) == ("headless",)


@pytest.mark.parametrize("agent", CLIENTS)
def test_a_client_is_flagged_unless_it_may_be_a_products_server(agent):
    assert agent_reasons(agent) == ("headless",)
    assert agent_reasons(agent, authenticated=True) == ()


def test_a_browser_that_is_a_client_too_is_no_server():
    assert agent_reasons("Mozilla/5.0 (compatible; okhttp/5.1.0)", authenticated=True) == ("headless",)


def test_every_agent_of_the_list_is_flagged():
    agents = [agent for entry in CRAWLER_USER_AGENTS_DATA for agent in entry.get("instances", ())]
    assert len(agents) > 1000
    counted = [agent for agent in agents if not agent_reasons.__wrapped__(agent)]
    assert counted == []


def requests(traffic, number, seconds, user="f00d", address="192.0.2.1", start=START, **options):
    """How many of so many requests, evenly over some seconds, are flagged for each reason."""
    step = round(seconds * SECOND / number)
    flags = [traffic.reasons(CHROME, address, user, start + i * step, **options) for i in range(number)]
    return {reason: sum(reason in each for each in flags) for reason in ("burst_user", "burst_address")}


def test_a_fast_hand_with_a_page_that_retries_is_no_burst():
    traffic = TrafficFilter()
    assert requests(traffic, 3 * 60, 60)["burst_user"] == 0  # three clicks a second for a minute
    assert (
        requests(traffic, 20, 0.5, start=START + 61 * SECOND)["burst_user"] == 0
    )  # and all of it again at once


def test_an_office_behind_one_address_is_no_burst():
    traffic = TrafficFilter()
    flags = [
        traffic.reasons(CHROME, "192.0.2.1", f"user{i % 300}", START + i * SECOND // 60)
        for i in range(60 * 60)
    ]
    assert not any(flags)


@pytest.mark.parametrize("seconds", [0.1, 5, 9, 30])
def test_a_user_who_never_pauses_is_a_burst(seconds):
    traffic = TrafficFilter(user_limit=20)
    flagged = requests(traffic, 200, seconds)["burst_user"]
    assert 150 <= flagged <= 180
    assert requests(traffic, 10, 10, start=START + (seconds + 21) * SECOND)["burst_user"] == 0, "it ends"
    assert requests(traffic, 10, 10, user="other")["burst_user"] == 0, "others are not concerned"


def test_an_address_that_never_pauses_is_a_burst():
    traffic = TrafficFilter(address_limit=50)
    flags = [traffic.reasons(CHROME, "192.0.2.1", f"user{i}", START + i) for i in range(100)]
    assert flags == [()] * 50 + [("burst_address",)] * 50
    assert traffic.reasons("Googlebot/2.1", "192.0.2.1", "user1", START) == ("crawler", "burst_address")
    assert traffic.reasons(CHROME, "192.0.2.2", "user1", START) == ()


def test_a_products_server_is_no_burst_but_its_users_may_be():
    traffic = TrafficFilter(user_limit=50, address_limit=50)
    flags = [traffic.reasons("curl/8.14.1", "192.0.2.1", f"u{i % 5}", START + i, True) for i in range(200)]
    assert not any(flags)
    assert requests(traffic, 100, 1, authenticated=True) == {"burst_user": 50, "burst_address": 50}, (
        "a browser"
    )


def test_what_is_unknown_is_not_counted_together():
    traffic = TrafficFilter(user_limit=5, address_limit=5)
    assert not any(traffic.reasons(CHROME, "", "", START + i) for i in range(100))


def test_the_window_slides():
    traffic = TrafficFilter(user_limit=10)
    middle = START + 8 * SECOND  # windows of 10 s begin at START
    assert requests(traffic, 10, 1.9, start=middle)["burst_user"] == 0
    assert requests(traffic, 10, 1.9, start=START + 10 * SECOND)["burst_user"] >= 8, (
        "a new window does not forgive"
    )


def test_a_clock_that_is_set_back_does_no_harm():
    traffic = TrafficFilter(user_limit=10)
    assert requests(traffic, 10, 1)["burst_user"] == 0
    assert requests(traffic, 5, 1, start=START - 3600 * SECOND)["burst_user"] == 5
    assert requests(traffic, 10, 1, start=START + 3600 * SECOND)["burst_user"] == 0


def test_memory_is_bounded_and_holds_no_address():
    traffic = TrafficFilter(capacity=1000)
    tracemalloc.start()
    for i in range(20_000):
        traffic.reasons(CHROME, f"2001:db8::{i:x}", f"{i:032x}", START + i * 10_000)
    gc.collect()
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert size < 2_000_000
    held = {str(key) for counts in (traffic._addresses._now, traffic._addresses._before) for key in counts}
    assert len(held) == 2000
    assert not any("2001:db8" in key for key in held)


def test_agents_of_any_length_and_number_are_no_burden():
    traffic = TrafficFilter()
    tracemalloc.start()
    for i in range(1000):
        traffic.reasons(f"x{i}" + "x" * 60_000, "", "", START)
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert size < 1_000_000
    assert agent_reasons.cache_info().maxsize <= 4096
    assert traffic.reasons("Googlebot/2.1 " + "x" * 60_000, "", "", START) == ("crawler",)


@pytest.mark.parametrize("name", ["user_limit", "address_limit", "window_seconds", "capacity"])
def test_bounds(name):
    with pytest.raises(ParameterError, match=f"traffic_filter.{name} = 0"):
        TrafficFilter(**{name: 0})


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({}, ()),
        ({"dwell_seconds": 1.0}, ()),
        ({"dwell_seconds": 0.99}, ("short_dwell",)),
        ({"dwell_seconds": -3.0}, ("short_dwell",)),
        ({"dwell_seconds": float("nan")}, ("short_dwell",)),
        ({"event_ts": START - 4 * SECOND}, ()),  # the client's clock is behind
        ({"event_ts": START - 6 * SECOND}, ("impossible_order",)),
        ({"event_ts": START - 6 * SECOND, "tolerance_seconds": 10}, ()),
        ({"event_ts": START - 6 * SECOND, "decision_ts": None}, ()),
        ({"seen_types": ()}, ("impossible_order",)),
        ({"seen_types": ("like",)}, ("impossible_order",)),
        ({"seen_types": {"impression"}}, ()),
        ({"event_type": "impression", "seen_types": ()}, ()),
        ({"event_type": "like", "seen_types": ()}, ()),
        ({"event_type": "purchase", "seen_types": ()}, ("impossible_order",)),
        ({"event_type": "purchase", "seen_types": {"click_detail"}}, ()),
        ({"event_type": "add_to_cart", "seen_types": {"purchase"}}, ("impossible_order",)),
        ({"dwell_seconds": 0.0, "seen_types": ()}, ("short_dwell", "impossible_order")),
    ],
)
def test_events(event, expected):
    given = {"event_ts": START + SECOND, "decision_ts": START, "event_type": "click_detail"} | event
    assert event_reasons(**given) == expected
