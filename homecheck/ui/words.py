"""What the guide says that does not stand in a template: titles, what each step is about, and what a part is called."""

from __future__ import annotations

from typing import Final

from homecheck.ui.understanding import N_

TITLES: Final = {
    "welcome": N_("Welcome"),
    "understand": N_("Two short questions"),
    "consent": N_("Your agreement"),
    "computer": N_("This computer"),
    "connection": N_("Internet connection"),
    "headset": N_("Headset"),
    "room": N_("Quiet room"),
    "telephone": N_("Telephone line"),
    "place": N_("Where you work"),
    "questions": N_("Questions"),
    "result": N_("Result"),
    "preview": N_("Look before you send"),
    "done": N_("Sent"),
}
LEADS: Final = {
    "computer": N_("homecheck reads a few facts about this computer, such as memory and updates. It takes seconds."),
    "connection": N_(
        "homecheck measures how fast and how steady your connection is, as a call would feel it. It takes about a "
        "minute. Please pause downloads and video meanwhile, also on other devices."
    ),
    "headset": N_(
        "Choose your headset, put it on, and see whether the bar moves when you speak. Then you read two sentences "
        "aloud and hear yourself. Nothing that you say is saved or sent."
    ),
    "room": N_(
        "The microphone listens to your room for some seconds: once in silence, once while you speak. Only numbers "
        "are kept, no sound."
    ),
    "telephone": N_("homecheck listens to the dial tone of your telephone and asks you to press some keys."),
    "place": N_("Say in which country or state you work."),
}
PARTS: Final = {
    "host": N_("This computer"),
    "security": N_("Security of this computer"),
    "link": N_("Kind of connection"),
    "path": N_("Way to the internet"),
    "network": N_("Speed, delay, and how a call would sound"),
    "nat": N_("Router"),
    "reach": N_("Servers that you will need"),
    "headset": N_("Headset"),
    "quiet_room": N_("Quiet room"),
    "landline": N_("Telephone line"),
    "callback": N_("Call to your telephone"),
    "place": N_("Where you work"),
}
PHASES: Final = {
    "": N_("Getting ready"),
    "idle": N_("A trial call over the quiet line"),
    "download": N_("Receiving as much as the line carries"),
    "upload": N_("Sending as much as the line carries"),
}
LOUDNESS: Final = {
    "none": N_("Nothing is heard yet"),
    "quiet": N_("Too quiet, or you are silent"),
    "good": N_("Good"),
    "loud": N_("Too loud"),
}
DELIVERY: Final = {
    "accepted": N_("Received"),
    "waiting": N_("Kept on this computer, not sent yet"),
    "refused": N_("Not taken"),
}
VERDICTS: Final = {
    "pass": N_("passed"),
    "warn": N_("passed, with a remark"),
    "inconclusive": N_("not decided"),
    "fail": N_("not passed"),
}
NOT_CHECKED: Final = N_("could not be checked")
UNSEEN: Final = (
    N_("What you say or hear: no sound is ever saved or sent."),
    N_("Your files, your passwords, your e-mail, and what you do in other programs."),
    N_("Which web pages you visit."),
    N_("Anything through a camera: homecheck does not use it."),
    N_("The serial numbers of your devices."),
)
