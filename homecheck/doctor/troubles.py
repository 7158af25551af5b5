"""Everything that the doctor can find wrong. docs/troubleshooting.md is written from this list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from homecheck.doctor.diagnosis import Trouble

# This program

PYTHON_TOO_OLD: Final = Trouble(
    "python-too-old", "fail",
    "homecheck runs on an older Python than it is made for.",
    "Install Python 3.11 or newer from python.org or your system, then install homecheck again with it.",
)  # fmt: skip
PACKAGE_MISSING: Final = Trouble(
    "package-missing", "fail",
    "A Python package that homecheck needs is missing or too old; the installation did not come to its end.",
    "Install homecheck again: pipx reinstall homecheck, or: uv tool install --reinstall homecheck",
)  # fmt: skip
FILE_MISSING: Final = Trouble(
    "file-missing", "fail",
    "A file of homecheck itself is gone: an update broke off, or an antivirus program has moved it away.",
    "Install homecheck again: pipx reinstall homecheck. If it happens again, look into the antivirus program's list.",
)  # fmt: skip
LIBRARY_BROKEN: Final = Trouble(
    "library-broken", "fail",
    "A package with machine code cannot be loaded: it was made for another processor, system or Python.",
    "Install homecheck again. On Windows also install Microsoft's Visual C++ Redistributable (x64).",
)  # fmt: skip

# Sound

PORTAUDIO_MISSING: Final = Trouble(
    "portaudio-missing", "fail",
    "The library PortAudio is missing, through which homecheck hears the headset. Windows and macOS need nothing.",
    "sudo apt install libportaudio2 (Debian, Ubuntu) · sudo dnf install portaudio (Fedora) · sudo pacman -S portaudio",
)  # fmt: skip
SOUND_BRIDGE_MISSING: Final = Trouble(
    "sound-bridge-missing", "fail",
    "PortAudio does not reach the sound server (PulseAudio, PipeWire): the ALSA device 'pulse' is missing.",
    "sudo apt install libasound2-plugins (Debian, Ubuntu) · sudo dnf install alsa-plugins-pulseaudio (Fedora)",
)  # fmt: skip
SOUND_SERVICE: Final = Trouble(
    "sound-service", "fail",
    "The system's sound service does not run or does not answer.",
    "Sign out and in again, or restart the computer.",
)  # fmt: skip
NO_MICROPHONE: Final = Trouble(
    "no-microphone", "warn",
    "The computer has no microphone just now. A policy without a headset does not need one.",
    "Plug in the headset, and choose it as input in the system's sound settings; then: homecheck devices",
)  # fmt: skip
MICROPHONE_MUTED: Final = Trouble(
    "microphone-muted", "warn",
    "The microphone that the system would use is switched off in the sound settings.",
    "Unmute it in the sound settings, and by the button on the headset or its cable.",
)  # fmt: skip
MICROPHONE_FORBIDDEN: Final = Trouble(
    "microphone-forbidden", "fail",
    "The system keeps the microphone from homecheck.",
    "Windows: Settings, Privacy & security, Microphone: switch on 'Microphone access' and 'Let desktop apps access "
    "your microphone'. macOS: System Settings, Privacy & Security, Microphone: allow Terminal, or whichever program "
    "started homecheck, quit it and start it again. Linux without a sound server: sudo usermod -aG audio $USER, then "
    "sign out and in again.",
)  # fmt: skip
MICROPHONE_NOT_ASKED: Final = Trouble(
    "microphone-not-asked", "warn",
    "macOS will ask whether the program that started homecheck may use the microphone. Be there to answer it.",
    "Run once at the computer: homecheck check --only 'headset*' --no-upload; then answer macOS' question with Allow.",
)  # fmt: skip

# What homecheck keeps on this computer

HOME_NOT_WRITABLE: Final = Trouble(
    "home-not-writable", "fail",
    "Nothing can be written to homecheck's folder: the disk is full or read-only, or it belongs to somebody else.",
    "Free some disk space, and check who owns the folder; HOMECHECK_HOME names another one.",
)  # fmt: skip
HOME_OPEN: Final = Trouble(
    "home-open", "warn",
    "Other users of this computer can look into homecheck's folder.",
    "Run: chmod 700 on the folder that is named.",
)  # fmt: skip
DISK_NEARLY_FULL: Final = Trouble(
    "disk-nearly-full", "warn",
    "Hardly any disk space is left.",
    "Free some disk space: empty the trash, remove what you no longer need.",
)  # fmt: skip
NOT_SENT: Final = Trouble(
    "not-sent", "warn",
    "Results wait on this computer: they could not be sent yet. They are kept for 30 days.",
    "Mend what is said of the collector, then: homecheck upload",
)  # fmt: skip
RESULT_DAMAGED: Final = Trouble(
    "result-damaged", "fail",
    "A result that waits was changed or cut short on this computer; the collector would refuse it.",
    "Run: homecheck upload, which sets it apart, then a new check: homecheck check. If it happens again, have the disk "
    "checked.",
)  # fmt: skip
SET_APART: Final = Trouble(
    "set-apart", "warn",
    "A result is kept that no collector will take.",
    "Run a new check: homecheck check. The reason is shown by: homecheck status",
)  # fmt: skip
SPOOL_FULL: Final = Trouble(
    "spool-full", "warn",
    "So much waits to be sent that older results will be dropped for newer ones.",
    "Mend what is said of the collector, then: homecheck upload",
)  # fmt: skip
SEQUENCE_DAMAGED: Final = Trouble(
    "sequence-damaged", "fail",
    "The file that counts this computer's results is damaged; to start again from 1 would look like a copied key.",
    "Ask the company for a new invitation, and enrol again with it.",
)  # fmt: skip
ENROLMENT_DAMAGED: Final = Trouble(
    "enrolment-damaged", "fail",
    "What was agreed with a company at enrolment cannot be read any more.",
    "Move the file that is named away, ask the company for a new invitation, and enrol again with it; what was "
    "measured is kept.",
)  # fmt: skip
KEY_UNUSABLE: Final = Trouble(
    "key-unusable", "fail",
    "The key that signs for this computer cannot be used: its file is missing, damaged, or open to other users, the "
    "keyring is locked, or the TPM is not there.",
    "What is said of the key tells which. Last resort: a new invitation, and enrol again with it.",
)  # fmt: skip

# The way to the collector

PROXY_SCRIPT: Final = Trouble(
    "proxy-script", "warn",
    "This system lets a script (PAC, WPAD) choose a proxy. homecheck does not run such scripts and connects directly.",
    "If the collector cannot be reached: ask IT for the proxy's address and set HTTPS_PROXY=http://proxy:port",
)  # fmt: skip
PROXY_KIND: Final = Trouble(
    "proxy-kind", "fail",
    "The proxy that is set is of a kind that homecheck does not speak, or its address cannot be read.",
    "Set HTTPS_PROXY=http://proxy:port to a proxy for HTTP, or remove HTTPS_PROXY and ALL_PROXY.",
)  # fmt: skip
PROXY_UNREACHABLE: Final = Trouble(
    "proxy-unreachable", "fail",
    "The proxy that is set does not answer.",
    "Away from the company's network, remove HTTPS_PROXY or the proxy in the system's settings; else ask IT.",
)  # fmt: skip
PROXY_REFUSES: Final = Trouble(
    "proxy-refuses", "fail",
    "The proxy answers, and lets nobody through to the collector.",
    "Ask IT to allow the collector's address. If it wants a password: HTTPS_PROXY=http://name:password@proxy:port",
)  # fmt: skip
NO_NETWORK: Final = Trouble(
    "no-network", "fail",
    "This computer is not connected to a network that leads to the internet.",
    "Plug in the network cable or join the Wi-Fi; then check that other pages open in the browser.",
)  # fmt: skip
NAME_UNKNOWN: Final = Trouble(
    "name-unknown", "fail",
    "The name service (DNS) does not know the collector's name.",
    "Switch off VPNs and filters, restart the router, try another network. Same everywhere? Tell the company.",
)  # fmt: skip
NAME_SERVICE: Final = Trouble(
    "name-service", "fail",
    "The name service (DNS) gives no answer at all.",
    "Restart the router and switch off VPNs. Do other pages open? Then tell the company; else ask your provider.",
)  # fmt: skip
NO_CONNECTION: Final = Trouble(
    "no-connection", "fail",
    "The collector's name is known, and no connection to it comes about.",
    "Do other pages open in the browser? Then a firewall stands in the way (try another network), or it is the "
    "company's server: try again later.",
)  # fmt: skip
CAPTIVE_PORTAL: Final = Trouble(
    "captive-portal", "fail",
    "A sign-in page of the network (hotel, café, guest Wi-Fi) answers in the collector's place.",
    "Open any page in the browser and sign in to the network, or use another network.",
)  # fmt: skip
CERTIFICATE_FILE: Final = Trouble(
    "certificate-file", "fail",
    "SSL_CERT_FILE names a file that is missing or holds no certificates, so no secure connection is possible.",
    "Correct SSL_CERT_FILE, or remove it.",
)  # fmt: skip
CONNECTION_OPENED: Final = Trouble(
    "connection-opened", "fail",
    "The certificate that is shown is from an authority that nobody knows in public: a security program, the company's "
    "network or a stranger opens the connection, or the collector is set up wrongly. homecheck sends nothing over it.",
    "Is the issuer's name one of your antivirus program or your employer? Switch off its HTTPS scanning for this "
    "address; or ask IT for the authority's certificate as a file and set SSL_CERT_FILE to it. Otherwise use another "
    "network, and tell the company.",
)  # fmt: skip
PRIVATE_AUTHORITY: Final = Trouble(
    "private-authority", "warn",
    "The connection is trusted because SSL_CERT_FILE names an authority that nobody knows in public. Whoever owns it "
    "can read along. Nobody can change or make up what is sent: it is signed on this computer.",
    "If the issuer's name is your employer's or IT gave you the file, all is well. Else remove SSL_CERT_FILE.",
)  # fmt: skip
CERTIFICATE_DATE: Final = Trouble(
    "certificate-date", "fail",
    "The collector's certificate is out of date or not valid yet; or this computer's date is wrong.",
    "Check this computer's date and time. If they are right, tell the company: its certificate has to be renewed.",
)  # fmt: skip
CERTIFICATE_NAME: Final = Trouble(
    "certificate-name", "fail",
    "The certificate that is shown was made for another name: a sign-in page answers, or the server is set up wrongly.",
    "Open any page in the browser: does a sign-in page come? Else try another network; same there? Tell the company.",
)  # fmt: skip
NO_TLS: Final = Trouble(
    "no-tls", "fail",
    "Something answers at the collector's address, but makes no secure connection.",
    "A proxy, filter or sign-in page answers in its place: try another network. Same there? Tell the company.",
)  # fmt: skip
NOT_A_COLLECTOR: Final = Trouble(
    "not-a-collector", "fail",
    "What answers at the address is no homecheck collector, or cannot work just now.",
    "Compare the address with your invitation. If it is right, try again later; then tell the company.",
)  # fmt: skip
OTHER_COLLECTOR: Final = Trouble(
    "other-collector", "fail",
    "The collector at the address is not the one that this computer enrolled with: it does not sign with its key.",
    "Send nothing, and tell the company. If it has set up a new collector, it will send you a new invitation.",
)  # fmt: skip
PROGRAM_GONE: Final = Trouble(
    "program-gone", "fail",
    "The collector does not have this program any more.",
    "Ask the company. To tidy up: homecheck leave PROGRAM",
)  # fmt: skip
DEVICE_REFUSED: Final = Trouble(
    "device-refused", "fail",
    "The collector does not take results from this computer's key: it was revoked, replaced or never known there.",
    "Ask the company for a new invitation, and enrol again with it.",
)  # fmt: skip
RESPONDER_UNREACHABLE: Final = Trouble(
    "responder-unreachable", "warn",
    "The far end of the network measurements cannot be reached; speed and call quality could not be measured.",
    "If the collector can be reached, a firewall stands in the way of this port: try another network, or tell the "
    "company.",
)  # fmt: skip
CLOCK_OFF: Final = Trouble(
    "clock-off", "warn",
    "This computer's clock is some seconds wrong.",
    "Let the system set it. Windows: Settings, Time & language. macOS: System Settings, General, Date & Time. Linux: "
    "timedatectl set-ntp true",
)  # fmt: skip
CLOCK_WRONG: Final = Trouble(
    "clock-wrong", "fail",
    "This computer's clock is wrong by more than a minute: results would bear it, and secure connections fail.",
    CLOCK_OFF.fix,
)  # fmt: skip

# Beside it

ANOTHER_RUNS: Final = Trouble(
    "another-runs", "warn",
    "Another homecheck is measuring or sending on this computer; two at the same time would disturb each other.",
    "Wait for it to finish, or end it. If no window shows it, restart the computer.",
)  # fmt: skip
TIMER_MISSING: Final = Trouble(
    "timer-missing", "warn",
    "Re-checks were set up, but the system's timer does not have them any more, or somebody has changed them.",
    "Run: homecheck schedule install. Or end them: homecheck schedule remove",
)  # fmt: skip
SCHEDULE_DAMAGED: Final = Trouble(
    "schedule-damaged", "warn",
    "The settings of re-checks cannot be read, so none are made; what waits is sent with the next check.",
    "Run: homecheck schedule install, with the options that you want. Or end them: homecheck schedule remove",
)  # fmt: skip
NOT_EXAMINED: Final = Trouble(
    "not-examined", "warn",
    "Something could not be looked at.",
    "Run homecheck doctor again. If it stays so, send its output to whoever helps you: it holds nothing secret.",
)  # fmt: skip

AREAS: Final[Mapping[str, tuple[Trouble, ...]]] = {
    "This program": (PYTHON_TOO_OLD, PACKAGE_MISSING, FILE_MISSING, LIBRARY_BROKEN),
    "Sound and microphone": (
        PORTAUDIO_MISSING, SOUND_BRIDGE_MISSING, SOUND_SERVICE, NO_MICROPHONE, MICROPHONE_MUTED, MICROPHONE_FORBIDDEN,
        MICROPHONE_NOT_ASKED,
    ),
    "What is kept on this computer": (
        HOME_NOT_WRITABLE, HOME_OPEN, DISK_NEARLY_FULL, NOT_SENT, RESULT_DAMAGED, SET_APART, SPOOL_FULL,
        SEQUENCE_DAMAGED, ENROLMENT_DAMAGED, KEY_UNUSABLE,
    ),
    "The way to the collector": (
        PROXY_SCRIPT, PROXY_KIND, PROXY_UNREACHABLE, PROXY_REFUSES, NO_NETWORK, NAME_UNKNOWN, NAME_SERVICE,
        NO_CONNECTION, CAPTIVE_PORTAL, CERTIFICATE_FILE, CONNECTION_OPENED, PRIVATE_AUTHORITY, CERTIFICATE_DATE,
        CERTIFICATE_NAME, NO_TLS,
    ),
    "The collector": (
        NOT_A_COLLECTOR, OTHER_COLLECTOR, PROGRAM_GONE, DEVICE_REFUSED, RESPONDER_UNREACHABLE, CLOCK_OFF, CLOCK_WRONG,
    ),
    "Beside it": (ANOTHER_RUNS, TIMER_MISSING, SCHEDULE_DAMAGED, NOT_EXAMINED),
}  # fmt: skip
