"""The upload queue and the states of files."""

import pytest
from playwright.async_api import Route, expect

from tests.e2e.conftest import Visits
from tests.e2e.documents import handbook, pdf
from tests.e2e.pages import INGEST_MS, file_row, new_clone, upload
from tests.e2e.served import ServedStudio

pytestmark = [pytest.mark.e2e, pytest.mark.asyncio(loop_scope="session")]


def document(name: str, content: bytes, kind: str = "text/plain") -> dict[str, object]:
    return {"name": name, "mimeType": kind, "buffer": content}


async def test_each_bad_file_says_why_and_the_good_one_is_ready(
    visits: Visits, served: ServedStudio
):
    async with visits.visit(served) as page:
        slug = await new_clone(page, served, "Sorter")
        await page.goto(f"/files/{slug}")
        await upload(
            page,
            document("good.md", b"# Tides\n\nHigh water is at noon.\n"),
            document("empty.txt", b""),
            document("liar.pdf", b"just text, no PDF at all", "application/pdf"),
            document("broken.pdf", handbook()[:700], "application/pdf"),
            document("scan.pdf", pdf(["", ""]), "application/pdf"),
        )
        await expect(file_row(page, "good.md")).to_contain_text("Ready", timeout=INGEST_MS)
        for name in ("empty.txt", "liar.pdf", "broken.pdf", "scan.pdf"):
            # Some faults show before a file is stored and some after: both are told in words.
            told = page.locator("tr, .upload-row").filter(has_text=name)
            fault = told.locator(".file-detail, .upload-detail")
            await expect(fault).to_contain_text(". ", timeout=INGEST_MS)


async def test_a_file_over_the_limit_is_refused_before_it_is_sent(
    visits: Visits, served: ServedStudio, tmp_path_factory: pytest.TempPathFactory
):
    large = tmp_path_factory.mktemp("large") / "large.txt"
    with large.open("wb") as file:
        file.truncate(60 * 1024 * 1024)
    async with visits.visit(served) as page:
        slug = await new_clone(page, served, "Narrow door")
        await page.goto(f"/files/{slug}")
        await upload(page, large)
        row = page.locator(".upload-row").filter(has_text="large.txt")
        await expect(row).to_contain_text("the limit is 50 MB")


async def test_an_interrupted_upload_goes_on_without_picking_again(
    visits: Visits, served: ServedStudio
):
    visits.complaints.expected = ("net::ERR_CONNECTION_RESET",)
    async with visits.visit(served) as page:
        slug = await new_clone(page, served, "Patient")
        await page.goto(f"/files/{slug}")

        async def cut(route: Route) -> None:
            await route.abort("connectionreset")

        await page.route("**/files", cut, times=1)
        await upload(page, document("notes.txt", b"The ferry leaves at eight.\n" * 20))
        await expect(page.get_by_text("Interrupted")).to_be_visible()
        await expect(file_row(page, "notes.txt")).to_have_count(0)
        await page.get_by_role("button", name="Try again: notes.txt").click()
        await expect(file_row(page, "notes.txt")).to_contain_text("Ready", timeout=INGEST_MS)
        await expect(page.locator(".upload-row")).to_have_count(0)


async def test_the_same_content_is_there_already_and_a_deleted_file_is_gone(
    visits: Visits, served: ServedStudio
):
    async with visits.visit(served) as page:
        slug = await new_clone(page, served, "Collector")
        await page.goto(f"/files/{slug}")
        same = b"Low water is at six in the evening.\n"
        await upload(page, document("first.txt", same))
        await expect(file_row(page, "first.txt")).to_contain_text("Ready", timeout=INGEST_MS)
        await upload(page, document("second.txt", same))
        await expect(page.locator(".upload-row")).to_contain_text("Already there")
        await page.get_by_role("button", name="Delete first.txt").click()
        await page.get_by_role("button", name="Delete the file").click()
        await expect(file_row(page, "first.txt")).to_have_count(0)
        await expect(page.get_by_text("Drop a document anywhere")).to_be_visible()


async def test_the_whole_page_takes_what_is_dropped(visits: Visits, served: ServedStudio):
    async with visits.visit(served) as page:
        slug = await new_clone(page, served, "Catcher")
        await page.goto(f"/files/{slug}")
        await expect(page.get_by_role("button", name="Choose files")).to_be_enabled()
        carried = await page.evaluate_handle(
            "() => { const carried = new DataTransfer();"
            " carried.items.add(new File(['Buoys are red and green.'], 'buoys.txt'));"
            " return carried; }"
        )
        await page.dispatch_event("body", "dragenter", {"dataTransfer": carried})
        await expect(page.get_by_text("Drop to add to Catcher")).to_be_visible()
        await page.dispatch_event("body", "drop", {"dataTransfer": carried})
        await expect(file_row(page, "buoys.txt")).to_contain_text("Ready", timeout=INGEST_MS)
        await expect(page.get_by_text("Drop to add to Catcher")).to_be_hidden()
