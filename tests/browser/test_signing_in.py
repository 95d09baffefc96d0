"""Coming in, and going: as people do it, in a browser."""

import pytest
from lines import TOKENS, ConsoleLine
from playwright.sync_api import Page, expect
from visits import PHONE, Visit

from andon_console.safe.people import Role

pytestmark = pytest.mark.servers


def test_a_link_signs_in_and_leaves_no_token_in_the_address(visit: Visit):
    page = visit(None)
    page.goto(f"/sign-in#{TOKENS[Role.REVIEWER]}")
    expect(page.get_by_label("Your token")).to_have_value(TOKENS[Role.REVIEWER])
    assert "#" not in page.url
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    expect(page.get_by_label("rosa, reviewer")).to_be_visible()
    assert TOKENS[Role.REVIEWER] not in page.content()


def test_a_link_that_is_opened_where_the_form_is_already_signs_in_too(visit: Visit):
    page = visit(None)
    page.goto("/sign-in")
    page.goto(f"/sign-in#{TOKENS[Role.VIEWER]}")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_label("vera, viewer")).to_be_visible()


def test_a_token_that_is_typed_leads_to_the_page_that_was_asked_for(visit: Visit):
    page = visit(None, size=PHONE)
    page.goto("/audit?since=1h")
    page.get_by_label("Your token").fill(TOKENS[Role.ENGINEER])
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Audit log")).to_be_visible()
    assert page.url.endswith("/audit?since=1h")


def test_a_wrong_token_is_told_and_can_be_tried_again(visit: Visit):
    page = visit(None)
    page.get_by_label("Your token").fill("not mine")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("No person here has that token")
    page.get_by_label("Your token").fill(TOKENS[Role.VIEWER])
    page.keyboard.press("Enter")
    expect(page.get_by_label("vera, viewer")).to_be_visible()


def test_signing_out_ends_it_and_going_back_shows_nothing(visit: Visit):
    page = visit(Role.VIEWER)
    page.get_by_label("vera, viewer").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("Your token")).to_be_visible()
    page.go_back()
    expect(page.get_by_label("Your token")).to_be_visible()


def test_a_page_that_is_open_hears_no_more_when_its_person_signs_out_elsewhere(line: ConsoleLine, visit: Visit):
    page = visit(Role.REVIEWER)
    with page.context.expect_page() as opened:
        page.evaluate("window.open('/')")
    opened.value.get_by_label("rosa, reviewer").click()
    opened.value.get_by_role("button", name="Sign out").click()
    expect(page.locator("#standing")).to_be_visible(timeout=15_000)


@pytest.mark.parametrize("role", [Role.VIEWER, Role.REVIEWER])
def test_only_engineers_find_the_audit_log(role: Role, visit: Visit):
    page = visit(role)
    expect(page.get_by_role("link", name="Audit")).to_have_count(0)
    page.goto("/audit")
    expect(page.get_by_role("heading", name="This is not yours to do.")).to_be_visible()


def test_what_another_site_s_page_posts_is_refused(line: ConsoleLine, visit: Visit, page: Page):
    page.route(
        "http://elsewhere.test/", lambda route: route.fulfill(body=FORM.format(url=line.url), content_type="text/html")
    )
    page.goto("http://elsewhere.test/")
    page.get_by_role("button").click()
    page.wait_for_url(f"{line.url}/**")
    page.goto(line.url)
    expect(page.get_by_label("edda, engineer")).to_be_visible()


FORM = "<form method=post action='{url}/sign-out'><button>A prize</button></form>"
