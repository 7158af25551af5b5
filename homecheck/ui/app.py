"""The routes of the guide. Every answer is made anew and stored nowhere; nothing in it comes from elsewhere."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from homecheck import look
from homecheck.errors import HomecheckError
from homecheck.locale import LANGUAGES, Translator, preferred, translator
from homecheck.ui.gate import Gate
from homecheck.ui.pages import Pages
from homecheck.ui.sitting import Sitting
from homecheck.ui.understanding import N_, mistaken, questions

METER_SECONDS: Final = 20.0
MOST_FORM: Final = 16_384  # bytes
MOST_FIELDS: Final = 200
HEADERS: Final = {
    # One script and one style sheet, both from here; nothing from elsewhere, and nobody's frame around it.
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # not no-referrer: browsers would then send "Origin: null" with our own forms
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
USED: Final = N_("This address was used before. Open the newest one: it stands in homecheck's window.")
OTHER_USER: Final = N_("Only the user of this computer who started homecheck can open this page.")
FAULT: Final = N_(
    "Something went wrong in homecheck itself; it is not your fault. What you have measured is kept: go back, or start "
    "homecheck ui again. If it happens again, tell the people who asked for the check."
)
STATIC: Final = {"ui.css": "text/css", "ui.js": "text/javascript", "favicon.svg": "image/svg+xml"}
Form = Mapping[str, str]
View = Callable[[Request, Translator, Form], Response]


@dataclass
class Guide:
    """The pages of one sitting, behind one gate. `entered` is told when somebody came in, `ended` when it is over."""

    sitting: Sitting
    gate: Gate
    entered: Callable[[], None]
    ended: Callable[[], None]

    def application(self) -> Starlette:
        """Return the application."""
        self.pages = Pages(self.sitting)
        return Starlette(
            routes=[
                Route("/enter/{token}", self._enter),
                Route("/static/{name}", self._static),
                self._page("/", self._start),
                self._page("/step/{name}", self._step),
                self._page("/live/{name}", self._live),
                self._page("/raw/{number:int}", self._raw),
                self._form("/policy", self._policy),
                self._form("/go-on", self._go_on),
                self._form("/begin-anew", self._begin_anew),
                self._form("/understood", self._understood),
                self._form("/agree", self._agree),
                self._form("/agree-to-more", self._agree_to_more),
                self._form("/decline-more", self._decline_more),
                self._form("/withdraw", self._withdraw),
                self._form("/measure/{name}", self._measure),
                self._form("/meter", self._meter),
                self._form("/headset", self._headset),
                self._form("/answer", self._answer),
                self._form("/stop", self._stop),
                self._form("/questions", self._questions),
                self._form("/send", self._send),
                self._form("/send-again", self._send_again),
                self._form("/language", self._language),
                self._form("/quit", self._quit),
            ],
            exception_handlers={HomecheckError: self._trouble, Exception: self._fault},
        )

    # --- Who comes in.

    async def _enter(self, request: Request) -> Response:
        """Exchange a token for the cookie."""
        if refusal := self._stranger(request):
            return refusal
        if not self.gate.spend(request.path_params["token"]):
            if self.gate.knows(request.cookies.get(self.gate.cookie_name)):
                return _go("/")  # the same address once more, in a browser that is in already
            return self._refused(request, USED)
        answer = _go("/")
        answer.set_cookie(self.gate.cookie_name, self.gate.cookie, httponly=True, samesite="strict", path="/")
        self.entered()
        return answer

    async def _static(self, request: Request) -> Response:
        """Give the style sheet, the script or the icon: nobody's secrets, so no cookie is asked for."""
        kind = STATIC.get(request.path_params["name"])
        if refusal := self._stranger(request):
            return refusal
        if kind is None:
            return self._refused(request, N_("There is nothing here."), 404)
        file = look.static("homecheck.ui", request.path_params["name"])
        return Response(file, media_type=kind, headers=HEADERS)

    def _stranger(self, request: Request) -> Response | None:
        """Refuse who comes by another name, or is another user of this computer."""
        if not self.gate.is_host(request.headers.get("host")):
            return self._refused(request, N_("This is not the address of homecheck."), 421)
        if not self.gate.is_our_user(request.client.port if request.client else None):
            return self._refused(request, OTHER_USER)
        return None

    def _refusal(self, request: Request) -> Response | None:
        if refusal := self._stranger(request):
            return refusal
        if not self.gate.knows(request.cookies.get(self.gate.cookie_name)):
            return self._refused(request, N_("Open the newest address that stands in homecheck's window."))
        headers = request.headers
        if request.method == "POST" and not self.gate.is_from_here(
            headers.get("origin"), headers.get("sec-fetch-site")
        ):
            return self._refused(request, N_("This did not come from homecheck's own page."))
        return None

    def _page(self, path: str, view: View) -> Route:
        async def endpoint(request: Request) -> Response:
            if refusal := self._refusal(request):
                return refusal
            return await run_in_threadpool(view, request, self._translator(request), {})

        return Route(path, endpoint, methods=["GET"])

    def _form(self, path: str, view: View) -> Route:
        return Route(path, self._form_endpoint(view), methods=["POST"])

    def _form_endpoint(self, view: View) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            if refusal := self._refusal(request):
                return refusal
            body = b""
            async for piece in request.stream():
                body += piece
                if len(body) > MOST_FORM:
                    return self._refused(request, N_("This form is too large."), 413)
            try:
                fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
            except ValueError:
                return self._refused(request, N_("This is no form of homecheck."), 400)
            form = {name: values[0] for name, values in fields.items()}
            return await run_in_threadpool(view, request, self._translator(request), form)

        return endpoint

    def _translator(self, request: Request) -> Translator:
        chosen = self.sitting.language
        return translator(chosen or preferred(request.headers.get("accept-language", "")))

    # --- Pages.

    def _start(self, _request: Request, _say: Translator, _form: Form) -> Response:
        return _go(f"/step/{self.pages.current()}")

    def _step(self, request: Request, say: Translator, _form: Form) -> Response:
        name = request.path_params["name"]
        if name not in self.pages.names():
            return _go("/")
        if not self.pages.may_see(name):
            return _go(f"/step/{self.pages.current()}")
        return _html(self.pages.step(name, say))

    def _live(self, request: Request, say: Translator, _form: Form) -> Response:
        return JSONResponse(self.pages.live(request.path_params["name"], say), headers=HEADERS)

    def _raw(self, request: Request, _say: Translator, _form: Form) -> Response:
        judged, number = self.sitting.judged(), request.path_params["number"]
        if number >= len(judged):
            return _go("/")
        return Response(judged[number].envelope, media_type="application/jose", headers=HEADERS)

    # --- What the forms do.

    def _policy(self, request: Request, _say: Translator, form: Form) -> Response:
        try:
            self.sitting.check_privately(form.get("preset") or None)
        except HomecheckError as error:
            return self._refused(request, error.message)
        return _go("/step/welcome")

    def _go_on(self, _request: Request, _say: Translator, _form: Form) -> Response:
        self.sitting.go_on()
        return _go("/")

    def _begin_anew(self, _request: Request, _say: Translator, _form: Form) -> Response:
        self.sitting.begin_anew()
        return _go("/step/welcome")

    def _understood(self, _request: Request, say: Translator, form: Form) -> Response:
        wrong = mistaken(questions(private=self.sitting.private), form)
        if wrong:
            return _html(self.pages.step("understand", say, given=form, wrong=wrong))
        self.sitting.understood = True
        return _go("/step/consent")

    def _agree(self, _request: Request, _say: Translator, form: Form) -> Response:
        if form.get("agree") == "yes":
            self.sitting.agree()
        return _go("/")

    def _agree_to_more(self, _request: Request, _say: Translator, _form: Form) -> Response:
        self.sitting.agree_to_more()
        return _go("/")

    def _decline_more(self, _request: Request, _say: Translator, _form: Form) -> Response:
        self.sitting.decline_more()
        return _go("/")

    def _withdraw(self, _request: Request, _say: Translator, _form: Form) -> Response:
        self.sitting.withdraw()
        return _go("/step/welcome")

    def _measure(self, request: Request, _say: Translator, form: Form) -> Response:
        name = request.path_params["name"]
        self._choose(form)
        self.sitting.measure(name)
        return _go(f"/step/{name}" if name in self.pages.names() else "/")

    def _meter(self, _request: Request, _say: Translator, form: Form) -> Response:
        self._choose(form)
        self.sitting.listen_to_headset(METER_SECONDS)
        return _go("/step/headset")

    def _headset(self, _request: Request, _say: Translator, form: Form) -> Response:
        self._choose(form)
        return _go("/step/headset")

    def _choose(self, form: Form) -> None:
        """Take the headset that a form names; an empty name is the system's choice, none at all changes nothing."""
        if "headset" in form and not self.sitting.busy:
            self.sitting.headset = form["headset"] or None

    def _answer(self, _request: Request, _say: Translator, form: Form) -> Response:
        job, number = self.sitting.job, form.get("number", "")
        if job is not None and number.isdecimal():
            job.person.answer(int(number), form.get("answer", ""))
        return _go(self._back(form))

    def _stop(self, _request: Request, _say: Translator, form: Form) -> Response:
        self.sitting.stop()
        return _go(self._back(form))

    def _questions(self, _request: Request, _say: Translator, form: Form) -> Response:
        self.sitting.answer_questions(form)
        return _go(f"/step/{self.pages.after('questions')}" if self.sitting.is_done("questions") else "/step/questions")

    def _send(self, _request: Request, say: Translator, form: Form) -> Response:
        if not self.sitting.send(frozenset(form.get("digests", "").split())):
            if self.sitting.busy or self.sitting.sent:
                return _go("/step/done")
            return _html(self.pages.step("preview", say, changed=True))
        return _go("/step/done")

    def _send_again(self, _request: Request, _say: Translator, _form: Form) -> Response:
        self.sitting.send_again()
        return _go("/step/done")

    def _language(self, _request: Request, _say: Translator, form: Form) -> Response:
        if form.get("language") in LANGUAGES:
            self.sitting.language = form["language"]
        return _go(self._back(form))

    def _quit(self, _request: Request, say: Translator, _form: Form) -> Response:
        self.sitting.stop()
        self.ended()
        return _html(self.pages.goodbye(say))

    async def _trouble(self, request: Request, error: Exception) -> Response:
        """Say what is wrong with this computer's own state: a key that cannot be read, a full disk."""
        assert isinstance(error, HomecheckError)
        return self._refused(request, f"{error.message}. {error.advice}", 500)

    async def _fault(self, request: Request, _error: Exception) -> Response:
        """Say that homecheck itself went wrong; what went wrong stands in its window, where the server writes it."""
        answer = self._refused(request, FAULT, 500)
        answer.headers["Connection"] = "close"  # the server closes it after any fault, and a browser is to know
        return answer

    def _refused(self, request: Request, text: str, status: int = 403) -> Response:
        """Say why there is no page, in the language of the browser: the person may simply have an old address."""
        return _html(self.pages.refusal(text, self._translator(request)), status)

    def _back(self, form: Form) -> str:
        name = form.get("from", "")
        return f"/step/{name}" if name in self.pages.names() else "/"


def _go(path: str) -> RedirectResponse:
    return RedirectResponse(path, status_code=303, headers=HEADERS)


def _html(page: str, status: int = 200) -> Response:
    return Response(page, status, media_type="text/html", headers=HEADERS)
