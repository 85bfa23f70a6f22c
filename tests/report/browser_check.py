"""Open a report in headless Chromium, use it as a reader does, and take its picture; needs Debian's chromium and chromium-driver.

Example:
    python tests/report/browser_check.py work_dirs/run/report.html shots
"""

import argparse
import base64
import contextlib
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

CHROMIUM, DRIVER = shutil.which('chromium'), shutil.which('chromedriver')
OPTIONS = (
    *('--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-dev-shm-usage'),
    *('--disable-background-networking', '--disable-component-update', '--disable-sync', '--hide-scrollbars'),
)
DESKTOP, PHONE = (1200, 900), (390, 844)


class Browser:
    """A headless Chromium, driven by the W3C WebDriver protocol: JSON over HTTP to chromedriver."""

    def __init__(self, profile: str, *options: str):
        with socket.socket() as free:
            free.bind(('127.0.0.1', 0))
            port = free.getsockname()[1]
        self._driver = subprocess.Popen([DRIVER, f'--port={port}'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._url = f'http://127.0.0.1:{port}'
        try:
            self._begin(profile, options)
        except BaseException:
            self._driver.terminate()
            raise

    def _begin(self, profile: str, options: tuple) -> None:
        for _ in range(200):
            if self._driver.poll() is not None:
                raise OSError(f'{DRIVER} ended with status {self._driver.returncode}')
            with contextlib.suppress(OSError):
                if self._call('GET', '/status')['ready']:
                    break
            time.sleep(0.1)
        wanted = {
            'goog:chromeOptions': {'binary': CHROMIUM, 'args': [*OPTIONS, f'--user-data-dir={profile}', *options]},
            'goog:loggingPrefs': {'browser': 'ALL', 'performance': 'ALL'},
        }
        session = self._call('POST', '/session', {'capabilities': {'alwaysMatch': wanted}})['sessionId']
        self._url += f'/session/{session}'

    def _call(self, method: str, path: str, body: dict | None = None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._url + path, data, {'Content-Type': 'application/json'}, method=method)
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=120) as answer:
                return json.loads(answer.read())['value']
        except urllib.error.HTTPError as error:
            raise OSError(f'{DRIVER}: {json.loads(error.read())["value"]["message"]}') from error

    def open(self, page: Path, size: tuple, phone: bool = False) -> None:
        metrics = {'width': size[0], 'height': size[1], 'deviceScaleFactor': 2 if phone else 1, 'mobile': phone}
        self.devtools('Emulation.setDeviceMetricsOverride', **metrics)
        self.devtools('Emulation.setTouchEmulationEnabled', enabled=phone)
        self._call('POST', '/url', {'url': page.resolve().as_uri()})

    def devtools(self, command: str, **params):
        return self._call('POST', '/goog/cdp/execute', {'cmd': command, 'params': params})

    def script(self, text: str, *arguments):
        return self._call('POST', '/execute/sync', {'script': text, 'args': list(arguments)})

    def drag(self, start: tuple, end: tuple, kind: str = 'mouse') -> None:
        steps = [
            {'type': 'pointerMove', 'duration': 0, 'x': round(start[0]), 'y': round(start[1])},
            {'type': 'pointerDown', 'button': 0},
            *(
                {'type': 'pointerMove', 'duration': 60, 'x': round(start[0] + (end[0] - start[0]) * i / 3), 'y': round(end[1])}
                for i in (1, 2, 3)
            ),
            {'type': 'pointerUp', 'button': 0},
        ]
        pointer = {'type': 'pointer', 'id': kind, 'parameters': {'pointerType': kind}, 'actions': steps}
        self._call('POST', '/actions', {'actions': [pointer]})

    def press(self, key: str) -> None:
        strokes = [{'type': 'keyDown', 'value': key}, {'type': 'keyUp', 'value': key}]
        self._call('POST', '/actions', {'actions': [{'type': 'key', 'id': 'keyboard', 'actions': strokes}]})

    def console(self) -> list:
        """What was logged since the last call."""
        return [entry['message'] for entry in self._call('POST', '/se/log', {'type': 'browser'})]

    def requests(self) -> list:
        """Addresses that were asked for since the last call, but those within the page."""
        events = [json.loads(entry['message'])['message'] for entry in self._call('POST', '/se/log', {'type': 'performance'})]
        asked = [event['params']['request']['url'] for event in events if event['method'] == 'Network.requestWillBeSent']
        return [url for url in asked if not url.startswith(('data:', 'chrome'))]  # chrome:, chrome-untrusted: are the empty tab before it

    def shot(self, path: Path, whole: bool = True) -> None:
        made = self.devtools('Page.captureScreenshot', captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(made['data']))

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._call('DELETE', '')
        self._driver.terminate()
        self._driver.wait()


def middle(browser: Browser, selector: str) -> dict:
    """Box of the first such element, scrolled into view."""
    return browser.script(
        'const e = document.querySelector(arguments[0]); e.scrollIntoView({block: "center"});'
        'const b = e.getBoundingClientRect(); return {left: b.left, width: b.width, y: b.top + b.height / 2};',
        selector,
    )


def check_images(browser: Browser) -> None:
    """The first twenty images that have a file can be shown, also those that are loaded when they come into view."""
    broken = 'const some = [...document.images].filter(i => i.getAttribute("src")).slice(0, 20); some.forEach(i => i.loading = "eager");'
    broken += 'return some.filter(i => !i.complete || !i.naturalWidth).length'
    until = time.monotonic() + 10
    while count := browser.script(broken):
        assert time.monotonic() < until, f'{count} images cannot be shown'
        time.sleep(0.1)


def check_slider(browser: Browser, kind: str) -> None:
    """Drag to a quarter, then the arrow keys; the photograph must be clipped there, and the page not scrolled aside."""
    box = middle(browser, '.stack')
    browser.drag((box['left'] + box['width'] * 0.6, box['y']), (box['left'] + box['width'] * 0.25, box['y']), kind)
    state = 'const s = document.querySelector(".stack"); return [s.querySelector("input").value, s.style.getPropertyValue("--at")'
    state += ', getComputedStyle(s.querySelector(".photograph")).clipPath];'
    value, at, clip = browser.script(state)
    assert abs(int(value) - 25) <= 1 and at == f'{value}%', (value, at)
    assert f'{100 - int(value)}%' in clip, clip
    browser.press('\ue014')  # right arrow
    assert browser.script(state)[0] == str(int(value) + 1), 'the arrow keys move the slider'


def check_table(browser: Browser) -> None:
    """Each header sorts both ways, dashes last, and says so."""
    column = 'return [...document.querySelectorAll("table.sortable tbody tr")].map(row => row.cells[arguments[0]].dataset.value)'
    click = 'const h = document.querySelectorAll("table.sortable th button")[arguments[0]]; h.click(); return h.closest("th").ariaSort;'
    for index in range(1, browser.script('return document.querySelectorAll("table.sortable thead th").length')):
        for order, sign in (('ascending', 1), ('descending', -1)):
            assert browser.script(click, index) == order
            values = browser.script(column, index)
            known = [sign * float(value) for value in values if value]
            assert known == sorted(known) and not any(values[len(known) :]), values
    assert browser.script('return document.querySelectorAll("[aria-sort=ascending], [aria-sort=descending]").length') == 1
    assert browser.script(click, 0) == 'ascending'


def check(page: Path, shots: Path | None = None, dark: bool = False) -> dict:
    """Raises AssertionError unless the page works on a desktop and on a phone; returns what was seen."""
    seen = {}
    with tempfile.TemporaryDirectory() as profile:
        browser = Browser(profile, *(['--blink-settings=preferredColorScheme=0'] if dark else []))
        try:
            for name, size, kind in (('desktop', DESKTOP, 'mouse'), ('phone', PHONE, 'touch')):
                browser.requests()
                browser.open(page, size, phone=name == 'phone')
                wide = browser.script('return document.documentElement.scrollWidth')
                assert wide <= size[0], f'{name}: the page is {wide} pixels wide, the screen {size[0]}'
                if shots:
                    browser.shot(shots / f'{name}{"_dark" if dark else ""}.png')
                seen[name] = {'sliders': browser.script('return document.querySelectorAll(".stack").length')}
                check_images(browser)
                beside = browser.script('return !!document.querySelector("dialog.viewer")')  # the page of a folder
                if beside:
                    browser.script('document.querySelector("a.open").click()')
                    check_images(browser)
                if seen[name]['sliders']:
                    check_slider(browser, kind)
                if beside:
                    if shots:
                        browser.shot(shots / f'{name}{"_dark" if dark else ""}_large.png', whole=False)
                    browser.script('document.querySelector(".viewer .close").click()')
                if browser.script('return document.querySelectorAll("table.sortable").length'):
                    check_table(browser)
                    seen[name]['table'] = 'sorts'
                    if shots:
                        browser.shot(shots / f'{name}{"_dark" if dark else ""}_used.png', whole=False)
                if browser.script('return document.querySelectorAll(".chart").length'):
                    box = middle(browser, '.chart svg')
                    browser.drag((box['left'] + box['width'] / 2, box['y']), (box['left'] + box['width'] * 0.6, box['y']), 'mouse')
                    seen[name]['readout'] = browser.script('return document.querySelector(".readout").textContent')
                    assert seen[name]['readout'], 'a chart tells its values where the pointer is'
                own = page.resolve().parent.as_uri() if beside else page.resolve().as_uri()
                asked = [url for url in browser.requests() if not url.startswith(own)]
                assert not asked, f'asked for {asked}'
                logged = browser.console()
                assert not logged, f'console: {logged}'
        finally:
            browser.close()
    return seen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('page', type=Path, help='report.html of tools/report.py, or index.html of tools/predict.py')
    parser.add_argument('shots', type=Path, nargs='?', help='folder for pictures of it')
    args = parser.parse_args()
    missing = [name for name, path in (('chromium', CHROMIUM), ('chromedriver', DRIVER)) if path is None]
    if missing:
        sys.exit(f'error: {" and ".join(missing)} not found; on Debian: apt-get install chromium chromium-driver')
    if not args.page.is_file():
        sys.exit(f'error: {args.page}: no such file; tools/report.py makes one')
    if args.shots:
        args.shots.mkdir(parents=True, exist_ok=True)
    for dark in (False, True):
        try:
            print(check(args.page, args.shots, dark))
        except (AssertionError, OSError, KeyError) as error:  # what is wrong with the page, or with the browser
            sys.exit(f'error: {"dark" if dark else "light"}: {" ".join(str(error).split()) or type(error).__name__}')


if __name__ == '__main__':
    main()
