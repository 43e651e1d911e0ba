"""A real Chromium, driven by its DevTools protocol: it clicks and types as a person does."""

import asyncio
import base64
import itertools
import json
import shutil
from contextlib import asynccontextmanager

import aiohttp

CHROMIUM = shutil.which("chromium")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
)
START_SECONDS = 30
KEYS = {"Enter": ("Enter", 13, "\r"), "Escape": ("Escape", 27, ""), "Tab": ("Tab", 9, "")}
KEYS |= {"Space": (" ", 32, " ")}
TRUTH = "((found) => (found instanceof Node ? true : found))(%s)"  # an element itself is no value
CENTER = """(() => {
  const found = document.querySelector(%s);
  if (!found) return null;
  found.scrollIntoView({ block: "center", inline: "center", behavior: "instant" });
  const box = found.getBoundingClientRect();
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  const there = document.elementFromPoint(x, y);
  return found.contains(there) || there?.contains(found) ? [x, y] : null;
})()"""


class Tab:
    """One tab."""

    def __init__(self, socket):
        self._socket = socket
        self.session = None
        self._numbers = itertools.count(1)
        self._answers = {}
        self.errors = []  # of the page's script

    async def listen(self):
        """Take what the browser says until it is gone."""
        async for message in self._socket:
            said = json.loads(message.data)
            if said.get("method") == "Runtime.exceptionThrown":
                self.errors.append(said["params"]["exceptionDetails"])
            waiting = self._answers.pop(said.get("id"), None)
            if waiting and not waiting.done():  # nobody may wait any more
                waiting.set_result(said)

    async def send(self, method, **params):
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        about = {"sessionId": self.session} if self.session else {}
        await self._socket.send_json({"id": number, "method": method, "params": params, **about})
        async with asyncio.timeout(30):
            said = await answer
        assert "error" not in said, said
        return said["result"]

    async def js(self, code):
        said = await self.send(
            "Runtime.evaluate", expression=code, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in said, said
        return said["result"].get("value")

    async def until(self, code, seconds=30):
        """Wait for something to be true on the page; return it."""
        try:
            async with asyncio.timeout(seconds):
                while not (found := await self.js(TRUTH % code)):  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
        except TimeoutError:
            text = await self.js("document.querySelector('main')?.innerText.slice(0, 1500)")
            raise AssertionError(f"not within {seconds} s: {code}\n{text}") from None
        return found

    async def size(self, width, height=900, *, dark=False):
        await self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.send("Emulation.setEmulatedMedia", features=[scheme])

    async def open(self, url):
        await self.send("Page.navigate", url=url)
        await self.until("document.readyState === 'complete'")

    async def click(self, selector):
        """Click where the element is, once it is there and nothing covers it."""
        x, y = await self.until(CENTER % json.dumps(selector))
        for kind in ("mousePressed", "mouseReleased"):
            await self.send(
                "Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1
            )

    async def key(self, name):
        key, code, text = KEYS.get(name) or (name, ord(name.upper()), name)
        about = {"key": key, "windowsVirtualKeyCode": code}
        await self.send("Input.dispatchKeyEvent", type="keyDown", text=text, **about)
        await self.send("Input.dispatchKeyEvent", type="keyUp", **about)

    async def type(self, text):
        await self.send("Input.insertText", text=text)

    async def picture(self):
        """Return what is seen, as PNG."""
        shot = await self.send("Page.captureScreenshot")
        return base64.b64decode(shot["data"])


@asynccontextmanager
async def chromium(profile):
    """Start a browser with a profile of its own; yield its tab."""
    process = await asyncio.create_subprocess_exec(
        CHROMIUM,
        *FLAGS,
        f"--user-data-dir={profile}",
        "about:blank",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        port, path = await _address(profile / "DevToolsActivePort")
        async with (
            aiohttp.ClientSession() as http,
            http.ws_connect(f"ws://127.0.0.1:{port}{path}", max_msg_size=0) as socket,
            asyncio.TaskGroup() as group,
        ):
            tab = Tab(socket)
            listening = group.create_task(tab.listen())
            made = await tab.send("Target.createTarget", url="about:blank")
            joined = await tab.send(
                "Target.attachToTarget", targetId=made["targetId"], flatten=True
            )
            tab.session = joined["sessionId"]
            await tab.send("Page.enable")
            await tab.send("Runtime.enable")
            try:
                yield tab
            except AssertionError:
                (profile.parent / "failed.png").write_bytes(await tab.picture())
                raise
            listening.cancel()
    finally:
        process.kill()
        await process.wait()


def _lines(file):
    return file.read_text().splitlines() if file.exists() else []


async def _address(file):
    async with asyncio.timeout(START_SECONDS):
        while len(lines := _lines(file)) < 2:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    return lines
