"""Messages that other parts put together from pieces, as patterns: what stands in braces is a value or another text.

The texts themselves are made in `appraisal`, `numbers`, `instruments.blame`, `upload` and beside; they are signed or
sent as they are, in English.
"""

from __future__ import annotations

from typing import Final

FOUND: Final = (
    "{value}; at least {limit} needed",
    "{value}; at most {limit} needed",
    "{value}; {limit} needed",
    "{value}; at least {limit} needed, and the limit lies within the uncertainty",
    "{value}; at most {limit} needed, and the limit lies within the uncertainty",
    "{value}; at least {limit} needed, and it may be better than that",
    "{value}; at most {limit} needed, and it may be worse than that",
    "{value}; at least {limit} needed, and it may be worse than that",
    "{value}; at most {limit} needed, and it may be better than that",
    "{value}; {limit} or more is better",
    "{value}; {limit} or less is better",
    "{value}; not allowed here",
    "{value}; allowed, but something else is better",
    "{value}; which part of it is not known",
    "could not be proven either way",
    "could not be measured: {message}",
    "not measured: {message}",
    "not measured in this check",
    "at least {value}",
    "at most {value}",
    "declared {answer}: {question}",
    "declared {answer}, {needed} is needed: {question}",
    "not answered: {question}",
    "{value} is {trust}; this policy wants it {wanted}",
    "{value} is {trust}; it counts only when the hiring company's server confirms it",
    "{value}, but {saw}: the two contradict each other",
    "{count} of {needed} runs in {period}",
)
WORDS: Final = (
    "yes", "no", "wired", "bluetooth", "rf-dongle", "builtin", "virtual", "unverified", "usb", "analog", "internal",
    "ethernet", "wifi", "cellular", "other", "quiet", "steady", "hum", "voices", "events", "mains", "battery",
    "self-reported", "corroborated", "server-observed", "days", "Your answer", "wired or rf-dongle",
    # Words that JSON has as well: verdicts, what became of a delivery, where a key is, what a device and a probe is.
    "pass", "warn", "inconclusive", "fail", "accepted", "waiting", "refused", "file", "keyring", "tpm", "microphone",
    "earpiece", "number", "text", "network-quiet", "network-load", "person", "headset", "line", "computer",
    "required", "advisory",
    # What the doctor looks at.
    "packages", "libraries", "files", "folder", "disk", "results", "programs", "collector", "schedule", "name",
    "connection", "certificate", "clock", "sound",
)  # fmt: skip
# What click says by itself; it asks gettext for it. From click's sources, as far as a candidate can meet it.
CLICK: Final[tuple[str | tuple[str, str], ...]] = (
    "Usage:", "Options", "Commands", "Positional arguments", "Aborted!", "Error: {message}", "Error: invalid input",
    "default: {default}", "Show the version and exit.", "Show this message and exit.", "Missing command.",
    "%(prog)s, version %(version)s", "Try '{command} {option}' for help.", "Invalid value: {message}",
    "Invalid value for {param_hint}: {message}", "Missing argument", "Missing option", "Missing parameter",
    "Missing parameter: {param_name}", "No such option {name!r}.", "No such command {name!r}.",
    "Option {name!r} does not take a value.", "Choose from:\n\t{choices}", "{value!r} is not a valid {number_type}.",
    "{value} is not in the range {range}.", "{name} {filename!r} does not exist.", "{name} {filename!r} is a file.",
    "{name} {filename!r} is a directory.", "{name} {filename!r} is not readable.",
    "{name} {filename!r} is not writable.", "File", "Path",
    ("Did you mean {possibility}?", "(Did you mean one of: {possibilities}?)"),
    ("Got unexpected extra argument ({args})", "Got unexpected extra arguments ({args})"),
    ("{value!r} is not {choice}.", "{value!r} is not one of {choices}."),
    ("Option {name!r} requires an argument.", "Option {name!r} requires {nargs} arguments."),
)  # fmt: skip
# Of the probe reach: `probes.reach`, `instruments.target_*` and `proxies`.
REACHED: Final = (
    "Reaches {target}",
    "Connection to {where}",
    "{message}, while other servers answer: it is out of order, or something on the way (router, VPN, provider) "
    "stops it",
    "{message}; browsers here ask a script for a proxy to {host}, and homecheck runs none",
    "{message}; browsers here may take a SOCKS proxy to {host}, and homecheck takes none",
    "this computer is set to use a proxy of the kind {kind}, and homecheck speaks to HTTP proxies alone",
    "{host} has addresses of {kind} alone, and this home has no {kind}",
    "two programs call different servers {name}",
    "the name service here says that {host} is nowhere, as ad blockers and family filters do",
    "{host} leads to an address that is not on the internet ({kind}): it was left alone",
    "a program on this computer forbids connections to {where}",
    "somebody on the way to {where} cuts connections off that tell its name",
    "somebody on the way to {where} refuses UDP in its place",
    "the proxy that this computer is set to use does not answer ({proxy})",
    "the proxy that this computer uses ({proxy}) refuses {where} (HTTP status {status})",
    "this computer is set to use a proxy that is not of the usual kind (HTTP)",
    "{where} gives no answer to {question} over UDP: it may be out of order, or a filter on the way stops it",
    "no answer of the name service within {seconds} s ({host})",
    "this computer is not connected to a network that leads to {address}",
    "{where} makes no encrypted connection (TLS: {why})",
    "{where}: its certificate, {issuer}, is out of date, or this computer's clock is wrong ({why})",
    "{where}: the certificate shown, {issuer}, is for another name: the network may answer in its place, "
    "or it is set up wrongly",
    "{where}: the certificate shown is {issuer}, which this computer does not trust: a security program or the network "
    "may be opening the traffic, or the far end is set up wrongly",
    "issued by {name}",
    "of an issuer without a name",
    "Switch off VPNs and repeat the check. If it says the same, this is not your fault: tell the people who asked for "
    "it.",
    "no policy asks how fast the line is, so it was not filled",
    "Let the ad blocker or family filter of your network allow this name, then repeat the check.",
    "Allow homecheck, and the softphone, in the firewall or security program of this computer.",
    "Switch off VPNs and family filters and repeat the check, or try another network, such as your phone's.",
    "Look at the proxy in this computer's network settings: sign in to it, or ask whoever runs it to allow this "
    "address.",
    "Nothing to do: homecheck cannot measure through this kind of proxy. The softphone may use it all the same.",
    "This does not count against you. If a security program or a company's network looks into the traffic of this "
    "computer, have it leave this address alone; else tell the people who asked for the check.",
    "Look at the date and time of this computer: let the system set them by itself, then repeat the check. If they are "
    "right, this is not your fault: tell the people who asked for the check.",
    "This is not your fault. Try again later; if it lasts, tell the people who asked for the check.",
    "Check the cable or Wi-Fi and that other pages open in the browser, then repeat the check.",
    "Restart the router and switch off VPNs, then repeat the check. If other pages open in the browser all the same, "
    "tell the people who asked for the check.",
)
CAUSES: Final = (
    "no part of the way alone explains it",
    "the way to your own router",
    "the way to your provider's first router",
    "the way to the last router before our server",
    "the way to our server",
    "the way to your own router already takes {value}",
    "the way to your provider's first router already takes {value}",
    "the way to the last router before our server already takes {value}",
    "the way to our server takes {value}; no router on it tells where",
    "{one} takes only {here}, {other} takes {there}",
    "the way to your own router already varies by {value}",
    "the way to your provider's first router already varies by {value}",
    "the way to the last router before our server already varies by {value}",
    "the way to our server varies by {value}; no router on it tells where",
    "{one} varies by only {here}, {other} varies by {there}",
    "the way to your own router already slows down under load by {value}",
    "the way to your provider's first router already slows down under load by {value}",
    "the way to the last router before our server already slows down under load by {value}",
    "the way to our server slows down under load by {value}; no router on it tells where",
    "{one} slows down under load by only {here}, {other} slows down under load by {there}",
    "the way to your own router already loses {value}",
    "the way to your provider's first router already loses {value}",
    "the way to the last router before our server already loses {value}",
    "the way to our server loses {value}; no router on it tells where",
    "{one} loses only {here}, {other} loses {there}",
)
# What is stored about a person, by the names of members: those that are more than an address or a number.
STORED: Final = (
    "at", "program id", "program title", "program purpose", "program retention days", "created at", "phone",
    "mail address", "language", "kid", "digest", "seq",
    "timezone", "due", "failing since", "link", "region", "system", "software", "hour", "kept until", "key store",
    "enrolled at", "source address", "replaces", "replaced at", "revoked at", "revoked reason", "expires at",
    "redeemed at", "position", "received at", "finished at", "clock skew", "freshness", "policy name",
    "policy version", "stored bytes", "receipt bytes", "check", "quantity", "severity", "explanation", "at fault",
    "trust", "margin", "made at", "bytes", "kind", "security", "actor", "about", "detail", "value before",
    "value after", "measured", "signed", "device", "room", "server", "agent", "home_link", "the company", "yes/no",
)  # fmt: skip
# What a collector tells of what happened around a person (`homecheck stored`): names of events, and their details.
EVENTS: Final = (
    "invited", "invite-withdrawn", "invite-reused", "key-enrolled", "key-rotated", "key-forked", "device-revoked",
    "phone-on-file", "mail-on-file", "mail-forgotten", "letter-given-up", "check-in-missed", "id-conflict",
    "seq-repeated", "seq-backwards", "too-fast", "judged-again", "callback-used-up", "waiver-granted",
    "waiver-revoked", "waiver-proposed", "waiver-declined",
    "valid until {time}; its code has the digest {digest}",
    "of {name}; kept in: {place}",
    "of {name}, to {key}; kept in: {before}, now {after}",
    "of {name}: a new invitation was used, by the key {key}",
    "ends with {digits}",
    "a second key tried to use the invitation of {name}",
    "the key of {name} was replaced on {date}; somebody else holds it as well",
    "{count} checks came from this person within {minutes} minutes",
    "the last check came at {time} UTC",
    "{count} wrong codes for the call to {name}",
    "the same evidence id arrived with other bytes, {digest}",
    "number {seq} was used before, by {digest}: two computers use one key, or one was restored from a backup",
    "number {seq} was measured after number {top}, {digest}: two computers use one key, or one was restored from a "
    "backup, or a clock was set back",
)  # fmt: skip
# Messages of the sources with few words of their own, which are looked for all the same (see `Translator.say`).
SHORT: Final = (
    "Run: chmod 600 {v1}", "Run: chmod 700 '{v1}'", "USB id {v1}:{v2} is in no list", "it signs; kept in {v1}",
    "{v1} bytes, at most {v2}", "{v1} broke off: {v2}", "{v1} broke off {v2} {v3}: {v4}",
    "{v1} gives no {v2}: {v3}", "{v1} gives no {v2}s yet", "{v1} is one of RFC 6598", "{v1} refuses: {v2} ({v3})",
    "{v1} went away: {v2}", "{v1}: no evidence: {v2}", "{v1}: only {v2}", "{v1}: there is no key",
    "{v1}; {v2} were sent, in {v3} s", "{name}: is that right?", "{days} days", "of {name}; kept in: {place}",
    "ends with {digits}",
    "of {name}, to {key}; kept in: {before}, now {after}",
)  # fmt: skip
# What a collector says of an invitation that leads nowhere (`Problem.message`), on the page in the browser.
INVITED: Final = (
    "no invitation has this code",
    "this invitation was used on {day}",
    "this invitation ended on {day} at {time} UTC",
    "nothing can have this name",
    "the collector's database takes and gives nothing at the moment",
    "an error that nobody expected; it was logged",
)
SAID: Final = (
    "{program} is left out as it cannot be used just now, and the other programs go on: {why}. {advice}",
    "this file is damaged: not JSON: {why}",
    "{name} answers",
    "within {seconds} s of {host}",
    "key for {program}",
    "program {program}",
    "a file",
    "the system's keyring",
    "the TPM",
    "{count} seconds",
    "{count} minutes",
    "stood still for {seconds} s",  # the computer, during a measurement
    "slept for {seconds} s",
    "{count} key",  # of a telephone
    "{count} keys",
    "{count} beep",
    "{count} beeps",
    "{host}: nobody answers there (connection refused).",
    "{host}: no computer of this name can be found from here.",
    "{host}: no complete answer within {seconds} seconds.",
    "{host}: the connection broke: {why}",
    "{host} is busy and asks to wait: {why}.",
    "{host} has trouble of its own: {why}.",
    "{advice} Your results are kept on this computer. They are sent at the next check, or with: homecheck upload",
    "Your results are kept on this computer. They are sent at the next check, or with: homecheck upload",
    "{advice} Nothing is wrong with your home office: tell the company. Your results are kept on this computer.",
    "Check that other web sites open. If they do, it is the company's server: try again later.",
    "There was no time left to send it.",
    "another check is running on this computer",
    "Wait until it has finished, then try again.",
    "homecheck stopped on its own",
    "Tell us: this is a fault in homecheck.",
    "you stopped this part before it was complete",
    "Do this part again when you are ready.",
    "Your own copy of the result is not here yet: {why}",
    "Plug it in firmly, do not touch the cable, and repeat the check.",
    "no more sound arrives",
    "the sound system moved the recording to another device",
    "the sound system moved the sound to another device",
    "the system lists it no more, or lists another device by its name",
    "{file}: cannot write this file: {why}. {advice}",
    "Free some disk space, and check that the folder belongs to you; then try again.",
)
